"""Floor 5: the pytest plugin: a real PostgreSQL, and a database of its own for every test."""

from tenantry.testing.async_fixtures import tenantry_client, tenantry_database
from tenantry.testing.fixtures import (
    tenantry_administrator,
    tenantry_app,
    tenantry_clone,
    tenantry_cluster,
    tenantry_empty,
    tenantry_server,
    tenantry_service,
    tenantry_settings_overrides,
    tenantry_template,
)
from tenantry.testing.options import pytest_addoption
from tenantry.testing.run import pytest_configure, pytest_configure_node, pytest_unconfigure
from tenantry.testing.trouble import pytest_terminal_summary, pytest_testnodedown

__all__ = [
    "pytest_addoption",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_unconfigure",
    "tenantry_administrator",
    "tenantry_app",
    "tenantry_client",
    "tenantry_clone",
    "tenantry_cluster",
    "tenantry_database",
    "tenantry_empty",
    "tenantry_server",
    "tenantry_service",
    "tenantry_settings_overrides",
    "tenantry_template",
]
