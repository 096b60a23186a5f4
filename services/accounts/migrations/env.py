"""Runs Alembic's commands on the service's database."""

from tenantry.alembic import run_environment

run_environment("accounts.service:service")
