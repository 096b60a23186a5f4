"""The pytest plugin: a real PostgreSQL, and a database for every test.

The fixtures and hooks below are for pytest. `Administrator`, `Cluster` and `ScratchDatabase` are the types of what some
fixtures return, and `Conformity` holds tests that every service should pass. These four are imported at their first
use, because pytest imports this module in every project.
"""

from typing import TYPE_CHECKING

from tenantry.lazy import lazy_names
from tenantry.testing.async_fixtures import tenantry_client, tenantry_database
from tenantry.testing.error_report import pytest_terminal_summary, pytest_testnodedown
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
from tenantry.testing.pytest_run import pytest_configure, pytest_configure_node, pytest_unconfigure

__all__ = [
    "Administrator",
    "Cluster",
    "Conformity",
    "ScratchDatabase",
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

if TYPE_CHECKING:
    from tenantry.testing.administrator import Administrator as Administrator
    from tenantry.testing.cluster import Cluster as Cluster
    from tenantry.testing.conformity import Conformity as Conformity
    from tenantry.testing.scratch import ScratchDatabase as ScratchDatabase
else:
    # No `__dir__`: pytest gets every name that dir() lists, to look for fixtures, and would import all four.
    __getattr__, _ = lazy_names(
        __name__,
        {
            "tenantry.testing.administrator": ("Administrator",),
            "tenantry.testing.cluster": ("Cluster",),
            "tenantry.testing.conformity": ("Conformity",),
            "tenantry.testing.scratch": ("ScratchDatabase",),
        },
    )
