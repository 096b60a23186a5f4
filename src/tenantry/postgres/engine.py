"""The engine of a service: SQLAlchemy's pool over connections that we make ourselves.

The pool keeps `size` connections and opens `overflow` more under load; the last one returned is the first one taken, so
that those beyond `size` rest when the load is gone, and close after `idle` seconds. Every connection comes from one
`Connector`, which knows about hosts, credentials and deadlines; every checkout passes `Liveness`. No preamble outlives
a checkout: it is cleared when a connection goes back and again when it is taken. What SQL left in the session does not
outlive it either: the next use cleans it (`cleaning`), or takes another connection (`adapter`).
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

# How much longer than the server's own statement timeout we wait for an answer. Only a frozen server lets it pass.
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many connections, and how long everything may take; times are in seconds, and 0 means no limit.

    `timeout` is how long a request waits for a connection in all: for a free one, for the answer to a ping, and for the
    server while one is opened. `connect_timeout` bounds opening alone, within that. `idle` is how long a connection
    beyond `size` may rest, `recycle` how long any may live; the pool takes up to a tenth off the latter at random.
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
        """Take the pool's part of a service's settings."""
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
        """Return what each session holds; PostgreSQL takes the times in milliseconds."""
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
    """Make an engine; nothing connects before the first checkout.

    Values bound to statements stay out of logs and errors unless `echo` asks for them.
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
    # Not the pool of now: dispose() replaces it.
    adapter.announce = lambda *entry: engine.sync_engine.pool.dispatch.connect(*entry)  # noqa: PLW0108
    Liveness().watch(engine.sync_engine)
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "reset", _clear_preamble)
    event.listen(engine.sync_engine, "checkout", _hand_out)
    return engine


def _clear_preamble(dbapi_connection: Any, *_: Any) -> None:
    dbapi_connection.driver_connection.preamble = ""


def _hand_out(dbapi_connection: Any, *_: Any) -> None:
    """Have the connection cleaned before its next use; the pool replaces one that cannot be."""
    _clear_preamble(dbapi_connection)
    if not dbapi_connection.driver_connection.hand_out():
        raise exc.DisconnectionError("A transaction was left open, or the session's encoding was changed.")


def _set_up(adapted: Any, record: Any) -> None:
    """Tell the adapter its entry; behind a pooler, prepare each statement again and without a name.

    A name could be another client's, and stays on the pooled connection when this client has moved on to the next.
    asyncpg parses an unnamed statement again in the message that executes it.
    """
    adapted.record = record
    if adapted.driver_connection.behind_bouncer:
        adapted._prepared_statement_cache = None  # noqa: SLF001  # SQLAlchemy sets it for a whole engine only.
