"""Alembic's way in: the toolkit runs the command of the moment on the service's database."""

from accounts.service import service
from tenantry.migrations import run_environment

run_environment(service)
