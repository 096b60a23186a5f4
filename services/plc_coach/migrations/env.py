"""Alembic's way in: the toolkit runs the command of the moment on the service's database."""

from plc_coach.service import service
from tenantry.migrations import run_environment

run_environment(service)
