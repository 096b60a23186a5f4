"""Units of work as FastAPI dependencies: one request, one transaction, committed before the response is sent.

    Work = Annotated[TenantSession, tenant_session(principal_tenant)]

    @router.post("/items", status_code=201)
    async def create(session: Work, body: NewItem) -> Item: ...

Invariant: after a 2xx response the data is committed. By default FastAPI runs the exit of a `yield` dependency after
the response; `scope="function"` runs it before. So a COMMIT that fails (a deferred constraint, 40001, a lost
connection) becomes a problem. Routes never call `commit()`.

Two consequences. The session has ended before a background task runs and before the first byte of a streamed response,
and raises `SessionEnded` there: they open `database.tenant(...)` themselves (see `streaming`). And a client that
disconnects before the response does not know whether the work was committed: where this matters, the request has an
`Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from tenantry.fastapi.auth import principal_tenant
from tenantry.fastapi.request import note_tenant
from tenantry.tenancy.database import Database
from tenantry.tenancy.unit_of_work import AdminSession, ReadSession, TenantSession

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
    """Return a dependency on a unit of work; the dependency `tenant` returns its tenant."""
    given = Depends(tenant)

    async def provide(database: CurrentDatabase, value: Any = given) -> AsyncIterator[TenantSession]:
        note_tenant(value)
        async with database.tenant(value) as session:
            yield session

    return Depends(provide, scope="function")


def read_session(tenant: Callable[..., Any]) -> Any:
    """Return a dependency on a read-only unit of work; the dependency `tenant` returns its tenant."""
    given = Depends(tenant)

    async def provide(database: CurrentDatabase, value: Any = given) -> AsyncIterator[ReadSession]:
        note_tenant(value)
        async with database.tenant(value, read_only=True) as session:
            yield session

    return Depends(provide, scope="function")


def unscoped_session() -> Any:
    """Return a dependency on a unit of work without a tenant, for `Shared` and `Global` tables."""

    async def provide(database: CurrentDatabase) -> AsyncIterator[TenantSession]:
        async with database.session() as session:
            yield session

    return Depends(provide, scope="function")


def unscoped_read_session() -> Any:
    """Return a dependency on a read-only unit of work without a tenant."""

    async def provide(database: CurrentDatabase) -> AsyncIterator[ReadSession]:
        async with database.session(read_only=True) as session:
            yield session

    return Depends(provide, scope="function")


def admin_session(reason: str, *, allowed: Any) -> Any:
    """Return a dependency on a unit of work across tenants: `admin_session("...", allowed=require_scope("admin"))`.

    `allowed` is the `Depends(...)` that checks the caller. It has no default, because row security does not restrict
    this session.
    """

    async def provide(database: CurrentDatabase, _permit: Any = allowed) -> AsyncIterator[AdminSession]:
        async with database.admin(reason=reason) as session:
            yield session

    return Depends(provide, scope="function")


PrincipalSession = Annotated[TenantSession, tenant_session(principal_tenant)]
PrincipalReadSession = Annotated[ReadSession, read_session(principal_tenant)]
