"""The Alembic environment of every service that has no `env.py` of its own."""

from alembic import context

from tenantry.migrations.environment import run_environment

run_environment(context.config.attributes["service"])
