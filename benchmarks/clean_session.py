"""What it costs to clean the session of a pooled connection at BEGIN: units of work per second with and without.

    python benchmarks/clean_session.py [VERSION|FOLDER]

A unit of work of one tenant reads one row by its key. One task with one connection, and 16 tasks with 16 connections;
each once with the few statements that this needs, and once with 100 prepared statements on every connection. Rounds
with and without the cleaning alternate in one process, so that both meet the same load; printed are the medians and
the median ratio of the pairs.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from unittest import mock

from pydantic_settings import SettingsConfigDict
from sqlalchemy import PrimaryKeyConstraint, Text, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Address, Database, DatabaseSettings, Roles, TenantBase, TenantScoped
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.sql import identifier
from tenantry.tenancy.objects import declared_objects

ROLES = Roles(owner="bench_owner", application="bench_app", admin="bench_admin")
ROUNDS, UNITS = 24, 160
PREPARED = 90  # and those that the driver and the unit of work need themselves


class Base(TenantBase, DeclarativeBase):
    """The models of the benchmark."""


class Note(TenantScoped, Base):
    """A row of a tenant."""

    __tablename__ = "notes"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int]
    content: Mapped[str] = mapped_column(Text)


class Settings(DatabaseSettings):
    """Where the database is."""

    model_config = SettingsConfigDict(env_prefix="BENCH_")


async def set_up(address: Address) -> None:
    """Make the roles, the table and its policy."""

    async def superuser() -> Connection:
        return await connect(StaticSource(address), deadline=30, application_name="bench")

    connection = await superuser()
    await ensure_roles(connection, ROLES)
    await connection.close()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=superuser)
    async with engine.begin() as build:
        await build.exec_driver_sql(f"SET ROLE {identifier(ROLES.owner)}")
        await build.run_sync(Base.metadata.create_all)
        for item in sorted(declared_objects(Base.metadata, ROLES) - set(ROLES)):
            for statement in item.create():
                await build.exec_driver_sql(statement)
    await engine.dispose()


async def prepare(database: Database, size: int) -> None:
    """Have every connection of the pool hold as many prepared statements as the driver keeps."""
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(database.tenant("t1")) for _ in range(size)]
        for session in sessions:
            for number in range(PREPARED):
                await session.execute(text(f"SELECT id, content, {number} FROM notes WHERE id = 1"))  # noqa: S608  # ours


async def rate(database: Database, tasks: int) -> float:
    """Return units of work per second."""

    async def work(number: int) -> None:
        for _ in range(UNITS // tasks):
            async with database.tenant(f"t{number}", read_only=True) as session:
                assert (await session.scalars(select(Note.content).where(Note.id == number))).one() == "x"

    start = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(tasks)))
    return UNITS / (time.perf_counter() - start)


async def compare(address: Address, tasks: int, *, full: bool) -> None:
    """Print the medians with and without the cleaning, and their ratio."""
    settings = Settings(
        database_url=address.replace(user=ROLES.application).url,
        database_pool_size=tasks,
        database_max_overflow=0,
    )
    cleaning = Connection._cleaning  # noqa: SLF001  # what is switched on and off
    rates: dict[bool, list[float]] = {True: [], False: []}
    async with Database(settings, metadata=Base.metadata, roles=ROLES, name="bench") as database:
        for number in range(tasks):
            async with database.tenant(f"t{number}") as session:
                row = text("INSERT INTO notes (id, content) VALUES (:id, 'x') ON CONFLICT DO NOTHING")
                await session.execute(row, {"id": number})
        if full:
            await prepare(database, tasks)
        for number in range(ROUNDS + 2):
            # The second finds warmer caches, so each is first as often as the other. The first rounds do not count.
            for cleans in (True, False) if number % 2 else (False, True):
                with mock.patch.object(Connection, "_cleaning", cleaning if cleans else lambda _: ""):
                    found = await rate(database, tasks)
                if number > 1:
                    rates[cleans].append(found)
    ratio = statistics.median(a / b for a, b in zip(rates[True], rates[False], strict=True))
    title = f"{tasks} task{'s' if tasks > 1 else ''}, {'100 statements' if full else 'few statements'}"
    print(f"{title:28} {statistics.median(rates[False]):8.0f} {statistics.median(rates[True]):8.0f}  {ratio:.2f}")


async def measure(server: EmbeddedServer) -> None:
    """Print every comparison."""
    address = server.address("postgres")
    await set_up(address)
    print(f"{'units of work per second':28} {'without':>8} {'with':>8}  ratio")
    for tasks in (1, 16):
        for full in (False, True):
            await compare(address, tasks, full=full)


def main() -> None:
    """Measure on a server of its own, which is gone afterwards."""
    version = sys.argv[1] if len(sys.argv) > 1 else "18"
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "postgres", find_binaries(version))
        try:
            with server.lease():
                asyncio.run(measure(server))
        finally:
            # The folder cannot go while the server still shuts down in it.
            server.stop()


if __name__ == "__main__":
    main()
