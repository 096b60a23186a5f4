"""Runs Alembic's commands on the service's database."""

from ai_agents.service import service
from tenantry.alembic import run_environment

run_environment(service)
