"""The toolkit under attack: the service's own `Database` with one connection, and checks of whose rows it shows.

The pool has one connection, so that the next unit of work meets whatever the last one left behind. `owners_query` reads
all tenant tables and returns whose rows are visible. It is sent as text, so that row security alone answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import Tenancy, declaration_of, tenancy_of
from tenantry.tenancy.unit_of_work import ReadSession

__all__ = ["BROKEN", "AttackedToolkit", "Leak", "driver_of", "open_toolkit"]

# SQLSTATEs of a wrong attack: unknown syntax, table, column or function, wrong type, a failed transaction.
BROKEN = frozenset({"42601", "42P01", "42703", "42883", "42804", "25P02"})

# The rows that this transaction wrote, in all tables, visible or not. The counters also have what earlier transactions
# of the connection did and the server has not collected yet, so that only a difference counts.
WRITTEN = """
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_catalog.pg_stat_xact_user_tables
"""


class Leak(Exception):
    """The toolkit showed, changed or kept something wrong. The text says what was seen."""


@dataclasses.dataclass(frozen=True)
class AttackedToolkit:
    """What an attack on the toolkit gets."""

    attacked: AttackedDatabase
    database: Database

    @property
    def attacker(self) -> str:
        """The tenant that attacks."""
        return self.attacked.attacker

    @property
    def victim(self) -> str:
        """The tenant whose rows the attacker wants."""
        return self.attacked.victim

    @property
    def tenancy(self) -> Tenancy:
        """The service's declaration of its tenants."""
        return tenancy_of(self.attacked.service.metadata)

    @property
    def owners_query(self) -> str:
        """The statement that returns, for each visible row, the place of its table and its tenant."""
        return owners_query(readable(self.attacked))

    def judge(self, rows: Iterable[Sequence[Any]], tenant: str | None, where: str) -> None:
        """Check an answer of `owners_query`: no other tenant's row, and the tenant's own in every table.

        Raises:
            Leak: it has another tenant's row, or lacks the tenant's own.
        """
        targets = readable(self.attacked)
        seen: dict[int, set[str]] = {}
        for place, owner in rows:
            seen.setdefault(place, set()).add(str(owner))
        for place, target in enumerate(targets):
            others = sorted(seen.get(place, set()) - {tenant or ""})
            if others:
                raise Leak(f"{where}, rows of {', '.join(others)} in {target.name} were seen")
            if tenant is not None and target.rows.get(tenant) and tenant not in seen.get(place, set()):
                raise Leak(f"{where}, {tenant} did not see its own rows in {target.name}")

    async def check_bound(self, session: AsyncSession | ReadSession, tenant: str, where: str) -> None:
        """Check that `session` shows the rows of `tenant` in every table, and no others.

        Raises:
            Leak: it does not.
        """
        try:
            rows = (await (await session.connection()).exec_driver_sql(self.owners_query)).all()
        except Exception as error:
            raise Leak(f"{where}, {tenant} could not read its own rows: {type(error).__name__}: {error}") from error
        self.judge(rows, tenant, where)

    async def check_ended(self, session: AsyncSession, where: str) -> None:
        """Check that a session whose unit of work has ended begins no other transaction.

        Raises:
            Leak: it does.
        """
        try:
            await session.connection()
        except errors.SessionEnded:
            return
        await session.close()
        raise Leak(f"{where}, the session began another transaction")

    async def check_tenant(self, tenant: str, where: str) -> None:
        """Check a whole unit of work of `tenant`."""
        async with self.database.tenant(tenant) as session:
            await self.check_bound(session, tenant, where)

    async def check_clean(self, where: str) -> int:
        """Check that the next checkout has no tenant, neither in its session nor in the transaction that it begins.

        Returns the server's process, which identifies the connection.

        Raises:
            Leak: something was left behind.
        """
        async with self.database.engine.connect() as connection:
            driver = await driver_of(connection)
            if driver.preamble or driver.is_in_transaction():
                raise Leak(f"{where}, the connection was handed on with {driver.preamble or 'its transaction open'!r}")
            await self.check_unbound(driver, f"{where}, on the next checkout")
            for sentence in ("SELECT current_setting('transaction_read_only')", "SELECT current_user::text"):
                found = (await connection.exec_driver_sql(sentence)).scalar_one()
                if found not in {"off", self.attacked.service.roles.application}:
                    raise Leak(f"{where}, the next checkout answers {found!r} to {sentence}")
            await self.check_unbound(driver, f"{where}, in the next transaction")
            process: int = driver.get_server_pid()
        return process

    async def check_unbound(self, driver: Connection, where: str) -> None:
        """Check that the driver's connection, in its present state, shows no tenant's row.

        Raises:
            Leak: a tenant is bound, or its rows are seen.
        """
        bound = await driver.fetchval("SELECT nullif(current_setting($1, true), '')", self.tenancy.setting)
        if bound:
            raise Leak(f"{where}, {self.tenancy.setting} was still {bound!r}")
        self.judge(await self.read(driver), None, where)

    async def read(self, driver: Connection) -> list[Any]:
        """Send `owners_query` over the driver's connection. A refusal for lack of a tenant gives no rows."""
        try:
            rows: list[Any] = await driver.fetch(self.owners_query)
        except asyncpg.PostgresError as error:
            if sqlstate_of(error) in BROKEN:
                raise
            return []
        return rows

    async def read_unscoped(self, session: AsyncSession) -> list[Any]:
        """Send `owners_query` in a session without a tenant, past the guard, so that row security answers."""
        await session.execute(select(1))
        return await self.read(await driver_of(await session.connection()))

    async def check(self, where: str) -> int:
        """Check what follows a unit of work of the attacker: a clean checkout, then a unit of work of the victim."""
        process = await self.check_clean(where)
        await self.check_tenant(self.victim, f"{where}, in the next unit of work")
        return process


async def driver_of(connection: AsyncConnection) -> Connection:
    """Return the driver's connection under SQLAlchemy's."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


async def written(session: AsyncSession) -> int:
    """Return how many rows the connection wrote. The difference of two calls counts the rows written between them."""
    return int((await (await session.connection()).exec_driver_sql(WRITTEN)).scalar_one())


def readable(attacked: AttackedDatabase) -> list[AttackedTable]:
    """Return the tables that the application may read."""
    return [target for target in attacked.tables if "SELECT" in declaration_of(target.table).privileges]


def owners_query(targets: Sequence[AttackedTable]) -> str:
    """Return the statement that returns, for each visible row, the place of its table in the list and its tenant."""
    parts = (
        f"SELECT {place} AS place, {sql.identifier(target.tenant_column)}::text AS tenant "  # noqa: S608  # quoted
        f"FROM {sql.qualified(target.schema, target.name)}"
        for place, target in enumerate(targets)
    )
    return " UNION ALL ".join(parts)


@asynccontextmanager
async def open_toolkit(attacked: AttackedDatabase, *, size: int = 1) -> AsyncIterator[AttackedToolkit]:
    """Open the service's database again, with a pool of exactly `size` connections."""
    narrow = {"database_pool_size": size, "database_max_overflow": 0, "database_echo": False}
    async with attacked.deployment.with_settings(**narrow).database() as database:
        yield AttackedToolkit(attacked, database)
