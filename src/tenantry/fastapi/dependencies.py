"""Units of work as FastAPI dependencies: one request, one transaction, committed before the response is sent.

    Work = Annotated[TenantSession, tenant_session(principal_tenant)]

    @router.post("/items", status_code=201)
    async def create(session: Work, body: NewItem) -> Item: ...

Invariant: a client that reads 2xx has its data on disk. FastAPI runs the exit of a `yield` dependency after the
response by default; `scope="function"` runs it before, so that a COMMIT that fails (a deferred constraint, 40001, a
lost connection) becomes a problem instead of a lie. Nobody calls `commit()`.

Two consequences. A route that answers with a `StreamingResponse` reads nothing through such a session, which is over
before the first byte: it opens `database.tenant(...)` inside its generator, and writes nothing there, since a client
that leaves in the middle would have half of it committed. And a client that goes away before its answer cannot know
whether the work was committed: where that matters, the request carries a key that makes a repetition harmless.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from tenantry.fastapi.auth import principal_tenant
from tenantry.fastapi.request import note_tenant
from tenantry.tenancy.database import Database
from tenantry.tenancy.session import AdminSession, ReadSession, TenantSession

__all__ = [
    "CurrentDatabase",
    "PrincipalReadSession",
    "PrincipalSession",
    "admin_session",
    "current_database",
    "read_session",
    "tenant_session",
    "unscoped_read_session",
    "unscoped_session",
]


def current_database(request: Request) -> Database:
    """Return the database that the application's lifespan opened."""
    database: Database = request.app.state.database
    return database


CurrentDatabase = Annotated[Database, Depends(current_database)]


def tenant_session(tenant: Callable[..., Any]) -> Any:
    """Return the dependency of a unit of work for the tenant that the dependency `tenant` gives."""
    given = Depends(tenant)

    async def provide(database: CurrentDatabase, value: Any = given) -> AsyncIterator[TenantSession]:
        note_tenant(value)
        async with database.tenant(value) as session:
            yield session

    return Depends(provide, scope="function")


def read_session(tenant: Callable[..., Any]) -> Any:
    """Return the dependency of a unit of work that only reads, for the tenant that the dependency `tenant` gives."""
    given = Depends(tenant)

    async def provide(database: CurrentDatabase, value: Any = given) -> AsyncIterator[ReadSession]:
        note_tenant(value)
        async with database.tenant(value, read_only=True) as session:
            yield session

    return Depends(provide, scope="function")


def unscoped_session() -> Any:
    """Return the dependency of a unit of work without a tenant, for `Shared` and `Global` tables."""

    async def provide(database: CurrentDatabase) -> AsyncIterator[TenantSession]:
        async with database.session() as session:
            yield session

    return Depends(provide, scope="function")


def unscoped_read_session() -> Any:
    """Return the dependency of a unit of work without a tenant that only reads."""

    async def provide(database: CurrentDatabase) -> AsyncIterator[ReadSession]:
        async with database.session(read_only=True) as session:
            yield session

    return Depends(provide, scope="function")


def admin_session(reason: str, *, allowed: Any) -> Any:
    """Return the dependency of a unit of work across tenants, `admin_session("...", allowed=require_scope("admin"))`.

    `allowed` is the `Depends(...)` that lets the caller through or ends the request. It has no default: this is the one
    session that row security does not hold.
    """

    async def provide(database: CurrentDatabase, _permit: Any = allowed) -> AsyncIterator[AdminSession]:
        async with database.admin(reason=reason) as session:
            yield session

    return Depends(provide, scope="function")


PrincipalSession = Annotated[TenantSession, tenant_session(principal_tenant)]
PrincipalReadSession = Annotated[ReadSession, read_session(principal_tenant)]
