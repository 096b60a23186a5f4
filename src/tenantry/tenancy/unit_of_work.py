"""Units of work: their three sessions, and how a transaction is bound to its tenant.

One session writes, one only reads, one works across tenants. They are different types, so that a signature shows what a
function may do. All three use a `ScopedSession`, whose listeners bind the scope whenever a transaction begins, also
after a commit, a rollback or a lost connection. After its unit of work, a session refuses every use (`ended_session`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Executable, Result, ScalarResult, event
from sqlalchemy.exc import IllegalStateChangeError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult, AsyncScalarResult, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from tenantry import errors
from tenantry.tenancy.ended_session import refuse_ended
from tenantry.tenancy.predicate import add_loader_criteria
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope

__all__ = ["AdminSession", "ReadSession", "ScopedSession", "TenantSession", "scope_of"]

INFO_KEY = "tenantry_scope"

# Seconds between two attempts to close a session that another task uses, and for all of them.
CLOSE_PAUSE, LONGEST_CLOSE = 0.01, 30.0

_Row = TypeVar("_Row")
_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


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
    is_autocommit = getattr(proxied.dbapi_connection, "isolation_level", None) == "autocommit"
    if scope.tenant is not None and is_autocommit:
        raise errors.AutocommitRefused(
            "A tenant cannot be bound in AUTOCOMMIT.",
            why="The binding ends with its transaction, and in AUTOCOMMIT each statement is a separate transaction.",
            remedy='Remove isolation_level="AUTOCOMMIT" from the tenant\'s unit of work.',
        )
    connection.execution_options(**{EXECUTION_OPTION: scope})
    driver: Any = proxied.driver_connection
    driver.preamble = scope.preamble
    driver.needs_transaction = not is_autocommit


@event.listens_for(ScopedSession, "do_orm_execute")
def _predicate(state: ORMExecuteState) -> None:
    scope = scope_of(state.session)
    if scope is not None and scope.tenant is not None:
        add_loader_criteria(state, scope)


class _WritingSession(AsyncSession):
    sync_session_class = ScopedSession

    async def run_sync(
        self,
        fn: Callable[Concatenate[Session, _Arguments], _Result],
        *arg: _Arguments.args,
        **kw: _Arguments.kwargs,
    ) -> _Result:
        """Run a synchronous function with the synchronous session; see `AsyncSession.run_sync`."""
        refuse_ended(self.sync_session)
        return await super().run_sync(fn, *arg, **kw)

    async def __aexit__(
        self, type_: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the session. An error of the block is raised as it is, also if the ROLLBACK fails too."""
        # A ROLLBACK without an answer ends the connection, so there is nothing left to do about it.
        with contextlib.suppress(*([SQLAlchemyError] if value is not None else [])):
            await super().__aexit__(type_, value, traceback)

    async def close(self) -> None:
        """Close the session; wait for another task that is opening a connection for it at the moment.

        SQLAlchemy refuses to close the session then. Without the wait, that connection would stay out of the pool until
        the session is collected.
        """
        give_up = time.monotonic() + LONGEST_CLOSE
        while True:
            try:
                return await super().close()
            except IllegalStateChangeError:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(CLOSE_PAUSE)


class TenantSession(_WritingSession):
    """A session that reads and writes; its unit of work commits it."""


class AdminSession(_WritingSession):
    """A session in the admin role, which has BYPASSRLS, for work across tenants with a logged reason."""


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
