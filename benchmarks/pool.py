"""Units of work a second with two pools of 5 + 15: SQLAlchemy's, which closes its overflow, and Tenantry's.

    python benchmarks/pool.py [VERSION|FOLDER]

Tasks do units of work of one tenant, each a point query over 20,000 rows, one after another without a pause. Rounds
alternate between the pools, so that both run under the same conditions. Printed are the medians of the units a second
and of the client's CPU time a unit, the median ratios of the pairs, and how many connections a pool opened and closed
while the tasks ran.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import PrimaryKeyConstraint, event, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tenantry import Address, Database, DatabaseSettings, Roles, TenantBase, TenantScoped
from tenantry.postgres import engine as engine_module
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.connect import connect
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.pool import Pool
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.sql import identifier
from tenantry.tenancy.objects import declared_objects

ROUNDS, SECONDS = 12, 1.0
TASKS = (1, 16, 40)
ROLES = Roles("bench_owner", "bench_app", "bench_admin")
FILL = """
INSERT INTO bench_rows (tenant_id, id, payload)
SELECT 't' || (n % 100), n, repeat('x', 50) FROM generate_series(1, 20000) n
"""


class Base(TenantBase, DeclarativeBase):
    """Holds the one table."""


class Row(TenantScoped, Base):
    """A row of a tenant."""

    __tablename__ = "bench_rows"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int]
    payload: Mapped[str]


class ClosingPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's own pool, with the arguments of ours."""

    def __init__(self, creator: Any, max_idle: float = 0, lifetime: float | None = None, **options: Any) -> None:
        del max_idle
        super().__init__(creator, **{"recycle": round(lifetime or -1), **options, "use_lifo": True})


POOLS = {"closes its overflow": ClosingPool, "keeps it": Pool}


async def set_up(address: Address) -> None:
    """Make the roles and the table, and fill it."""
    connection = await connect(StaticSource(address), deadline=30, application_name="bench")
    await ensure_roles(connection, ROLES)
    await connection.close()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(StaticSource(address), deadline=30, application_name="b")
    )
    async with engine.begin() as work:
        await work.exec_driver_sql(f"SET LOCAL ROLE {identifier(ROLES.owner)}")
        await work.run_sync(Base.metadata.create_all)
        for item in sorted(declared_objects(Base.metadata, ROLES) - set(ROLES)):
            for statement in item.create():
                await work.exec_driver_sql(statement)
        await work.exec_driver_sql("RESET ROLE")
        await work.exec_driver_sql(FILL)
        await work.exec_driver_sql("ANALYZE bench_rows")
    await engine.dispose()


@asynccontextmanager
async def opened(address: Address, pool: type[Any]) -> AsyncIterator[tuple[Database, Counter[str]]]:
    """Open the database over a pool; count what it opens and closes."""
    settings = DatabaseSettings(database_url=address.replace(user=ROLES.application).url, database_echo=False)
    ours, engine_module.Pool = engine_module.Pool, pool  # type: ignore[misc]
    counts: Counter[str] = Counter()
    try:
        async with Database(settings, metadata=Base.metadata, roles=ROLES, name="bench") as database:
            for name in ("connect", "close"):
                event.listen(database.engine.sync_engine, name, lambda *_, name=name: counts.update([name]))
            yield database, counts
    finally:
        engine_module.Pool = ours  # type: ignore[misc]


async def measure_units(database: Database, tasks: int) -> tuple[float, float]:
    """Return how many units of work so many tasks do in a second, and the client's CPU time for one in microseconds."""
    done = 0
    ends = time.perf_counter() + SECONDS

    async def work(number: int) -> None:
        nonlocal done
        while time.perf_counter() < ends:
            async with database.tenant(f"t{number}") as session:
                assert (await session.scalar(select(Row.payload).where(Row.id == 100 + number))) is not None
            done += 1

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(number) for number in range(tasks)))
    return done / (time.perf_counter() - start), (time.process_time() - cpu) / done * 1e6


async def compare(address: Address, tasks: int) -> None:
    """Print what both pools do for so many tasks."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in POOLS}
    async with (
        opened(address, POOLS["closes its overflow"]) as closes,
        opened(address, POOLS["keeps it"]) as keeps,
    ):
        runs = dict(zip(POOLS, (closes, keeps), strict=True))
        for database, _ in runs.values():
            await measure_units(database, tasks)  # Not counted: connections open, statements are compiled.
        for _, counts in runs.values():
            counts.clear()
        for number in range(ROUNDS):
            # Each pool is first as often as the other.
            for name in list(POOLS) if number % 2 else reversed(POOLS):
                results[name].append(await measure_units(runs[name][0], tasks))
        for name, (_, counts) in runs.items():
            speed, cpu = (statistics.median(values) for values in zip(*results[name], strict=True))
            changes = f"opened {counts['connect']:5}  closed {counts['close']:5}"
            print(f"{tasks:3} tasks  {name:20} {speed:7.0f}/s {cpu:7.0f} us  {changes}")
    pairs = list(zip(*results.values(), strict=True))
    speed, cpu = (statistics.median(second[kind] / first[kind] for first, second in pairs) for kind in (0, 1))
    print(f"{tasks:3} tasks  {'ratio':20} {speed:7.2f}   {cpu:7.2f}")


async def measure(server: EmbeddedServer) -> None:
    """Print every comparison."""
    address = server.address("postgres")
    await set_up(address)
    for tasks in TASKS:
        await compare(address, tasks)


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
