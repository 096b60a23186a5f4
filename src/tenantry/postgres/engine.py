"""The SQLAlchemy engine of a service, with Tenantry's pool and connections.

The pool keeps `size` connections and opens `overflow` more under load. The last returned connection is used first, so
that the connections beyond `size` become idle when the load ends, and close after `idle` seconds. One `Connector` opens
every connection, with its hosts, credentials and deadlines. `Liveness` checks every checkout. A preamble never outlives
its checkout: it is cleared on checkin and again on checkout. State that SQL left in the session does not reach the next
user: the next use cleans it (`cleaning`), or takes another connection (`adapter`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tenantry.postgres.acquiring import time_left
from tenantry.postgres.adapter import Adapter
from tenantry.postgres.connect import Connector
from tenantry.postgres.connection import Connection
from tenantry.postgres.dial import Session
from tenantry.postgres.liveness import Liveness
from tenantry.postgres.pool import Pool
from tenantry.secrets import AddressSource
from tenantry.settings import DatabaseSettings

__all__ = ["PoolOptions", "create_engine"]

# Seconds that the client waits after the server's statement timeout. A working server answers before.
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """The number of connections and the time limits of a pool; times are in seconds, and 0 means no limit.

    `timeout` is the limit to get a connection: the wait for a free one, the ping, and the opening of a new one
    together. `connect_timeout` is the limit to open one, within `timeout`. A connection beyond `size` closes after
    `idle` seconds without use. `recycle` is the maximum age; the pool reduces it at random by up to a tenth for each
    connection.
    """

    size: int = 5
    overflow: int = 15
    idle: float = 300.0
    timeout: float = 5.0
    recycle: float = 1800.0
    connect_timeout: float = 30.0
    statement_timeout: float = 30.0
    idle_in_transaction_timeout: float = 60.0

    @classmethod
    def from_settings(cls, settings: DatabaseSettings) -> Self:
        """Return the pool options of a service's settings."""
        return cls(
            size=settings.database_pool_size,
            overflow=settings.database_max_overflow,
            idle=settings.database_pool_idle_timeout,
            timeout=settings.database_pool_timeout,
            recycle=settings.database_pool_recycle,
            connect_timeout=settings.database_connect_timeout,
            statement_timeout=settings.database_statement_timeout,
            idle_in_transaction_timeout=settings.database_idle_in_transaction_timeout,
        )

    def session(self, application_name: str, role: str | None) -> Session:
        """Return the session settings; PostgreSQL takes times in milliseconds."""
        return Session(
            application_name,
            role,
            {
                "statement_timeout": str(round(self.statement_timeout * 1000)),
                "idle_in_transaction_session_timeout": str(round(self.idle_in_transaction_timeout * 1000)),
            },
            command_timeout=self.statement_timeout + GRACE if self.statement_timeout else None,
        )


def create_engine(
    source: AddressSource,
    pool: PoolOptions,
    *,
    application_name: str,
    role: str | None = None,
    echo: bool = False,
) -> AsyncEngine:
    """Create an engine. It opens no connection before the first checkout.

    Logs and errors contain the parameters of statements only with `echo`.
    """
    connector = Connector(source, pool.session(application_name, role))

    async def connect(*_args: Any, **_options: Any) -> Connection:
        connection = await connector.connect(deadline=time_left(pool.connect_timeout), patience=pool.timeout)
        connection.is_pooled = True
        return connection

    adapter = Adapter(connect)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        module=adapter,
        async_creator=connect,
        poolclass=Pool,
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=pool.timeout,
        max_idle=pool.idle,
        lifetime=pool.recycle or None,
        echo=echo,
        hide_parameters=not echo,
    )
    # Read the pool at each call, because dispose() replaces it.
    adapter.announce = lambda *entry: engine.sync_engine.pool.dispatch.connect(*entry)  # noqa: PLW0108
    adapter.invalidate = engine.dialect._invalidate_schema_cache  # type: ignore[attr-defined]  # noqa: SLF001  # no public name
    Liveness().watch(engine.sync_engine)
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "reset", _clear_preamble)
    event.listen(engine.sync_engine, "checkout", _hand_out)
    return engine


def _clear_preamble(dbapi_connection: Any, *_: Any) -> None:
    driver: Connection = dbapi_connection.driver_connection
    driver.preamble, driver.needs_transaction = "", False


def _hand_out(dbapi_connection: Any, *_: Any) -> None:
    """Mark the connection for cleaning before its next use; the pool replaces a connection that cannot be cleaned."""
    _clear_preamble(dbapi_connection)
    if not dbapi_connection.driver_connection.hand_out():
        raise exc.DisconnectionError("The connection has an open transaction, or its encoding was changed.")


def _set_up(adapted: Any, record: Any) -> None:
    """Give the adapter its pool entry; behind a pooler, prepare each statement again and without a name.

    Behind a pooler, another client could use the same name on the same server connection. asyncpg parses an unnamed
    statement again in the message that executes it.
    """
    adapted.record = record
    if adapted.driver_connection.behind_bouncer:
        adapted._prepared_statement_cache = None  # noqa: SLF001  # SQLAlchemy has a public option for engines only.
