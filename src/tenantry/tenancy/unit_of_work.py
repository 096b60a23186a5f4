"""Units of work: their three sessions, and how a transaction is bound to its tenant.

One session writes, one only reads, one works across tenants. They are different types, so that a signature shows what a
function may do. All three use a `ScopedSession`, whose listeners bind the scope whenever a transaction begins, also
after a commit, a rollback or a lost connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Result, ScalarResult, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult, AsyncScalarResult, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from tenantry import errors
from tenantry.tenancy.predicate import add_loader_criteria
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope

__all__ = ["AdminSession", "ReadSession", "ScopedSession", "TenantSession", "scope_of"]

INFO_KEY = "tenantry_scope"

_Row = TypeVar("_Row")


class ScopedSession(Session):
    """The synchronous session of all three types; `info` contains its scope."""


def scope_of(session: Session) -> Scope | None:
    """Return the scope of a session; None for a session that no unit of work created."""
    scope = session.info.get(INFO_KEY)
    return scope if isinstance(scope, Scope) else None


@event.listens_for(ScopedSession, "after_begin")
def _bind(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Bind the scope to the connection, before the driver sends BEGIN with the first statement."""
    scope = scope_of(session)
    if scope is None:
        return
    proxied = connection.connection
    if scope.tenant is not None and getattr(proxied.dbapi_connection, "isolation_level", None) == "autocommit":
        raise errors.AutocommitRefused(
            "A tenant cannot be bound in AUTOCOMMIT.",
            why="The binding ends with its transaction, and in AUTOCOMMIT each statement is a separate transaction.",
            remedy='Remove isolation_level="AUTOCOMMIT" from the tenant\'s unit of work.',
        )
    connection.execution_options(**{EXECUTION_OPTION: scope})
    driver: Any = proxied.driver_connection
    driver.preamble = scope.preamble


@event.listens_for(ScopedSession, "do_orm_execute")
def _predicate(state: ORMExecuteState) -> None:
    scope = scope_of(state.session)
    if scope is not None and scope.tenant is not None:
        add_loader_criteria(state, scope)


class TenantSession(AsyncSession):
    """A session that reads and writes; its unit of work commits it."""

    sync_session_class = ScopedSession


class AdminSession(AsyncSession):
    """A session in the admin role, which has BYPASSRLS, for work across tenants with a logged reason."""

    sync_session_class = ScopedSession


class ReadSession:
    """A session that cannot write: a type without writing methods, and a READ ONLY transaction.

    It has no `add`, `delete`, `flush` or `commit`. A Core or ORM statement that writes is refused before it is sent;
    the server refuses writes in textual SQL or in a function (SQLSTATE 25006).
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def execute(self, statement: Executable, params: Any = None, **options: Any) -> Result[Any]:
        """Execute a statement that reads; see `AsyncSession.execute`."""
        return await self._session.execute(_reading(statement), params, **options)

    async def scalar(self, statement: Executable, params: Any = None, **options: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._session.scalar(_reading(statement), params, **options)

    async def scalars(self, statement: Executable, params: Any = None, **options: Any) -> ScalarResult[Any]:
        """Return the first column of every row."""
        return await self._session.scalars(_reading(statement), params, **options)

    async def get(self, entity: type[_Row], ident: Any, **options: Any) -> _Row | None:
        """Return the row with this primary key, or None if the tenant has no such row."""
        return await self._session.get(entity, ident, **options)

    async def refresh(self, instance: object, attribute_names: Sequence[str] | None = None) -> None:
        """Load a row's attributes again."""
        await self._session.refresh(instance, attribute_names)

    async def stream(self, statement: Executable, params: Any = None, **options: Any) -> AsyncResult[Any]:
        """Execute a statement that reads, and fetch its rows as they are asked for."""
        return await self._session.stream(_reading(statement), params, **options)

    async def stream_scalars(self, statement: Executable, params: Any = None, **options: Any) -> AsyncScalarResult[Any]:
        """Stream the first column of every row."""
        return await self._session.stream_scalars(_reading(statement), params, **options)

    async def connection(self) -> AsyncConnection:
        """Return the connection of the READ ONLY transaction, for Core."""
        return await self._session.connection()


def _reading(statement: Executable) -> Executable:
    if getattr(statement, "is_dml", False) or getattr(statement, "is_ddl", False):
        raise errors.ReadOnly(
            "A read-only session got a statement that writes.",
            why="Its transaction is READ ONLY. Nothing was sent to the database.",
            remedy="Open the unit of work without `read_only=True`.",
        )
    return statement
