"""The fixtures that a user's tests request, and those that a user overrides.

Names begin with `tenantry_`, so that they do not hide a user's own fixtures. Slow imports are inside the fixtures: a
run that requests no fixture does not wait for SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tenantry import errors
from tenantry.testing.error_report import told_once
from tenantry.testing.pytest_run import RUN

if TYPE_CHECKING:
    from tenantry.postgres.server import Server
    from tenantry.service import Service
    from tenantry.testing.administrator import Administrator
    from tenantry.testing.cluster import Cluster
    from tenantry.testing.lifespan import ASGIApp
    from tenantry.testing.scratch import ScratchDatabase

__all__ = [
    "tenantry_administrator",
    "tenantry_app",
    "tenantry_clone",
    "tenantry_cluster",
    "tenantry_empty",
    "tenantry_server",
    "tenantry_service",
    "tenantry_settings_overrides",
    "tenantry_template",
]

NO_SERVER = "There is no PostgreSQL for this test."
NO_SERVICE = "There is no service for this test."
NO_TEMPLATE = "The database of this test could not be migrated."
NO_DATABASE = "The database of this test could not be created."
NO_APP = "The application of this test could not be made."


@pytest.fixture(scope="session")
def tenantry_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The PostgreSQL of the run, shared by all its workers."""
    with told_once(pytestconfig, NO_SERVER):
        server = pytestconfig.stash[RUN].use_server(pytestconfig)
        lease = server.lease()
    with lease:
        yield server


@pytest.fixture(scope="session")
def tenantry_administrator(pytestconfig: pytest.Config, tenantry_server: Server) -> Iterator[Administrator]:
    """A superuser's connection for single statements, for synchronous and asynchronous tests."""
    from tenantry.testing.administrator import Administrator  # noqa: PLC0415
    from tenantry.testing.names import RUNS  # noqa: PLC0415

    with Administrator(tenantry_server.address(), (RUNS, pytestconfig.stash[RUN].number)) as administrator:
        with told_once(pytestconfig, NO_SERVER):
            administrator.execute("SELECT")
        yield administrator


@pytest.fixture(scope="session")
def tenantry_cluster(
    pytestconfig: pytest.Config, tenantry_server: Server, tenantry_administrator: Administrator
) -> Cluster:
    """Creates databases on the server of the run."""
    from tenantry.testing.cluster import Cluster  # noqa: PLC0415

    return Cluster(tenantry_administrator, pytestconfig.stash[RUN], is_ours=tenantry_server.kind != "remote")


@pytest.fixture
def tenantry_service(request: pytest.FixtureRequest) -> Service:
    """The service under test: that of the marker `tenantry(service=...)`, or the project's only one. Override it."""
    from tenantry.project import find_project  # noqa: PLC0415
    from tenantry.service import load_services  # noqa: PLC0415

    marker = request.node.get_closest_marker("tenantry")
    name: str | None = marker.kwargs.get("service") if marker else None
    with told_once(request.config, NO_SERVICE):
        services = load_services(find_project(request.config.rootpath), [name] if name else [])
        if len(services) > 1:
            raise errors.ConfigurationError(
                f"This project has {len(services)} services, and this test does not name one.",
                remedy=f'Mark it with @pytest.mark.tenantry(service="{services[0].name}"), '
                "or override the fixture `tenantry_service`.",
            )
    return services[0]


@pytest.fixture
def tenantry_settings_overrides() -> Mapping[str, Any]:
    """Fields of the service's settings besides the address, by name. Override it."""
    return {}


@pytest.fixture
def tenantry_template(
    pytestconfig: pytest.Config,
    tenantry_cluster: Cluster,
    tenantry_service: Service,
    tenantry_settings_overrides: Mapping[str, Any],
) -> str:
    """The name of the service's migrated database, made once in a run; it accepts no connections."""
    with told_once(pytestconfig, NO_TEMPLATE):
        return tenantry_cluster.template(tenantry_service, tenantry_settings_overrides)


@pytest.fixture
def tenantry_clone(
    pytestconfig: pytest.Config,
    tenantry_cluster: Cluster,
    tenantry_service: Service,
    tenantry_settings_overrides: Mapping[str, Any],
    tenantry_template: str,
) -> Iterator[ScratchDatabase]:
    """A migrated database for this test alone, not opened yet."""
    yield from _scratch(
        pytestconfig, tenantry_cluster, tenantry_service, tenantry_settings_overrides, tenantry_template
    )


@pytest.fixture
def tenantry_empty(
    pytestconfig: pytest.Config,
    tenantry_cluster: Cluster,
    tenantry_service: Service,
    tenantry_settings_overrides: Mapping[str, Any],
) -> Iterator[ScratchDatabase]:
    """A database for this test alone, before its first migration. The service's roles exist."""
    yield from _scratch(pytestconfig, tenantry_cluster, tenantry_service, tenantry_settings_overrides)


@pytest.fixture
def tenantry_app(pytestconfig: pytest.Config, tenantry_clone: ScratchDatabase) -> Iterator[ASGIApp]:
    """The service's application, which opens the test's database when it starts. Override it."""
    from tenantry.testing.application import configured_app  # noqa: PLC0415

    configured = configured_app(tenantry_clone.deployment)
    with told_once(pytestconfig, NO_APP):
        app = configured.__enter__()
    yield app
    configured.__exit__(None, None, None)


def _scratch(
    config: pytest.Config, cluster: Cluster, service: Service, overrides: Mapping[str, Any], template: str = ""
) -> Iterator[ScratchDatabase]:
    scratch = cluster.scratch(service, overrides, template)
    with told_once(config, NO_DATABASE):
        made = scratch.__enter__()
    yield made
    scratch.__exit__(None, None, None)
