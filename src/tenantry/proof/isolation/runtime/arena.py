"""The arena of the attacks on the toolkit: the service's own `Database` with one connection, and the roll call.

One connection, because whatever a unit of work leaves behind is then met by the very next one. The roll call is one
statement over all tenant tables that tells whose rows are seen; it is sent as text, so that row security alone answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from tenantry import sql
from tenantry.deployment import Deployment
from tenantry.postgres.connection import Connection
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.ground import Ground, Target
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import Tenancy, declaration_of, tenancy_of
from tenantry.tenancy.session import ReadSession

__all__ = ["BROKEN", "Arena", "Leak", "driver_of", "open_arena"]

# What a server says when the attack itself is wrong: no such syntax, table, column or function, a failed transaction.
BROKEN = frozenset({"42601", "42P01", "42703", "42883", "42804", "25P02"})

# Rows that this transaction wrote, whatever their table and whoever may see them. The counters also hold what earlier
# transactions of the connection did and the server has not collected yet: only a difference tells.
WRITTEN = """
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_catalog.pg_stat_xact_user_tables
"""


class Leak(Exception):
    """The toolkit showed, changed or kept something that it should not have; the text says what was seen."""


@dataclasses.dataclass(frozen=True)
class Arena:
    """What an attack on the toolkit is handed."""

    ground: Ground
    database: Database

    @property
    def attacker(self) -> str:
        """The tenant that attacks."""
        return self.ground.attacker

    @property
    def victim(self) -> str:
        """The tenant whose rows are wanted."""
        return self.ground.victim

    @property
    def tenancy(self) -> Tenancy:
        """How the service tells tenants apart."""
        return tenancy_of(self.ground.service.metadata)

    @property
    def roll_call(self) -> str:
        """The statement that tells, row by row, of which table and whose it is."""
        return roll_call(readable(self.ground))

    def judge(self, rows: Iterable[Sequence[Any]], tenant: str | None, where: str) -> None:
        """Check an answer to the roll call: nobody else's row, and the tenant's own in every table.

        Raises:
            Leak: it shows another tenant's row, or does not show the tenant's own.
        """
        targets = readable(self.ground)
        seen: dict[int, set[str]] = {}
        for place, owner in rows:
            seen.setdefault(place, set()).add(str(owner))
        for place, target in enumerate(targets):
            strangers = sorted(seen.get(place, set()) - {tenant or ""})
            if strangers:
                raise Leak(f"{where}, rows of {', '.join(strangers)} in {target.name} were seen")
            if tenant is not None and target.rows.get(tenant) and tenant not in seen.get(place, set()):
                raise Leak(f"{where}, {tenant} did not see its own rows in {target.name}")

    async def check_bound(self, session: AsyncSession | ReadSession, tenant: str, where: str) -> None:
        """Check that `session` shows the rows of `tenant`, all kinds of them and no others.

        Raises:
            Leak: it does not.
        """
        try:
            rows = (await (await session.connection()).exec_driver_sql(self.roll_call)).all()
        except Exception as error:
            raise Leak(f"{where}, {tenant} could not read its own rows: {type(error).__name__}: {error}") from error
        self.judge(rows, tenant, where)

    async def check_tenant(self, tenant: str, where: str) -> None:
        """Check a whole unit of work of `tenant`."""
        async with self.database.tenant(tenant) as session:
            await self.check_bound(session, tenant, where)

    async def check_clean(self, where: str) -> int:
        """Check that the next checkout knows of no tenant: neither the session, nor the transaction that it begins.

        Returns the server's process, by which the connection can be told.

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
                if found not in {"off", self.ground.service.roles.application}:
                    raise Leak(f"{where}, the next checkout answers {found!r} to {sentence}")
            await self.check_unbound(driver, f"{where}, in the next transaction")
            process: int = driver.get_server_pid()
        return process

    async def check_unbound(self, driver: Connection, where: str) -> None:
        """Check that the driver's connection, as it stands, shows no tenant's row.

        Raises:
            Leak: a tenant is bound, or its rows are seen.
        """
        bound = await driver.fetchval("SELECT nullif(current_setting($1, true), '')", self.tenancy.setting)
        if bound:
            raise Leak(f"{where}, {self.tenancy.setting} was still {bound!r}")
        self.judge(await self.read(driver), None, where)

    async def read(self, driver: Connection) -> list[Any]:
        """Call the roll over the driver's connection; no rows where the server refuses to answer without a tenant."""
        try:
            rows: list[Any] = await driver.fetch(self.roll_call)
        except asyncpg.PostgresError as error:
            if sqlstate_of(error) in BROKEN:
                raise
            return []
        return rows

    async def read_unscoped(self, session: AsyncSession) -> list[Any]:
        """Call the roll in a session without a tenant, past the guard, so that row security answers."""
        return await self.read(await driver_of(await session.connection()))

    async def check(self, where: str) -> int:
        """Check what comes after a unit of work of the attacker: a clean checkout, then the victim's own work."""
        process = await self.check_clean(where)
        await self.check_tenant(self.victim, f"{where}, in the next unit of work")
        return process


async def driver_of(connection: AsyncConnection) -> Connection:
    """Return the driver's connection under SQLAlchemy's."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


async def written(session: AsyncSession) -> int:
    """Return how many rows the connection wrote; the difference of two tells what a statement between them did."""
    return int((await (await session.connection()).exec_driver_sql(WRITTEN)).scalar_one())


def readable(ground: Ground) -> list[Target]:
    """Return the targets that the application may read."""
    return [target for target in ground.targets if "SELECT" in declaration_of(target.table).privileges]


def roll_call(targets: Sequence[Target]) -> str:
    """Return the statement that tells whose rows are seen, by the target's place in the list."""
    parts = (
        f"SELECT {place} AS place, {sql.identifier(target.tenant_column)}::text AS tenant "  # noqa: S608  # quoted
        f"FROM {sql.qualified(target.schema, target.name)}"
        for place, target in enumerate(targets)
    )
    return " UNION ALL ".join(parts)


@asynccontextmanager
async def open_arena(ground: Ground, *, size: int = 1) -> AsyncIterator[Arena]:
    """Open the service's database once more, with a pool of `size` connections and not one over."""
    narrow = {"database_pool_size": size, "database_max_overflow": 0, "database_echo": False}
    async with Deployment(ground.service, ground.settings.model_copy(update=narrow)).database() as database:
        yield Arena(ground, database)
