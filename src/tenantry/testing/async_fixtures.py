"""The fixtures that run in a test's event loop.

In its strict mode pytest-asyncio runs only fixtures that its own decorator made. Without pytest-asyncio they are
plain fixtures, which anyio runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tenantry import errors
from tenantry.testing.error_report import told_once
from tenantry.testing.lifespan import running

if TYPE_CHECKING:
    import httpx2

    from tenantry.tenancy.database import Database
    from tenantry.testing.lifespan import ASGIApp
    from tenantry.testing.scratch import ScratchDatabase

__all__ = ["tenantry_client", "tenantry_database"]

NOT_OPEN = "The database of this test could not be opened."
NOT_STARTED = "The application of this test did not start."


def _fixture(function: Callable[..., Any]) -> Any:
    try:
        import pytest_asyncio  # noqa: PLC0415  # It comes with the extra `testing`.
    except ModuleNotFoundError:
        return pytest.fixture(function)
    return pytest_asyncio.fixture(function)


@_fixture
async def tenantry_database(pytestconfig: pytest.Config, tenantry_clone: ScratchDatabase) -> AsyncIterator[Database]:
    """The service's `Database` on a migrated database of this test alone, opened as the application."""
    async with AsyncExitStack() as stack:
        with told_once(pytestconfig, NOT_OPEN):
            database = await stack.enter_async_context(tenantry_clone.deployment.database())
        yield database


@_fixture
async def tenantry_client(pytestconfig: pytest.Config, tenantry_app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the service's application, which runs on the test's database, without a network."""
    async with AsyncExitStack() as stack:
        with told_once(pytestconfig, NOT_STARTED):
            client = _make_client(tenantry_app)
            await stack.enter_async_context(running(tenantry_app))
            await stack.enter_async_context(client)
        yield client


def _make_client(app: ASGIApp) -> httpx2.AsyncClient:
    try:
        import httpx2  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise errors.ConfigurationError(
            "The fixture `tenantry_client` needs httpx2.", remedy="Install it with: pip install 'tenantry[testing]'"
        ) from error
    # An exception that the application does not handle is raised in the test, with its traceback.
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver")
