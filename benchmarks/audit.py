"""How long `tenantry audit` takes on a schema of 200 tenant tables, which the docs promise to be under 2 s.

The tables are those of `tests/support/many_tables.py`: each has forced row security and two policies, grants for two
roles, a trigger, five indexes, a check and a composite reference. Prints the median of the runs, the slowest, and how
many statements one of them sends.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import event

from tenantry import Address, Service
from tenantry.deployment.deployment import embedded_server
from tenantry.proof.audit import audit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import full_schema
import many_tables  # It stands beside the tests.

DATABASE = "bench_audit"
TABLES, RUNS = 200, 9


async def prepare(server: Address, service: Service) -> Address:
    """Make the database with every table of the service."""
    async with full_schema.session(server) as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await connection.exec_driver_sql(f"CREATE DATABASE {DATABASE}")
    address = server.replace(database=DATABASE)
    await full_schema.build(address, service)
    return address


async def measure(address: Address, service: Service) -> tuple[list[float], int]:
    """Return the seconds of each run, as the owner, on a connection of its own; and the statements of one."""
    times, sent = [], 0
    for _ in range(RUNS):
        async with full_schema.session(address, role=service.roles.owner) as connection:
            statements: list[str] = []
            event.listen(
                connection.sync_connection,
                "before_cursor_execute",
                lambda *arguments, seen=statements: seen.append(arguments[2]),
            )
            start = time.perf_counter()
            findings = await audit(connection, service)
            times.append(time.perf_counter() - start)
            sent = len(statements)
            assert not findings, findings
    return times, sent


async def run(server: Address) -> None:
    """Measure, print, and leave nothing behind."""
    with tempfile.TemporaryDirectory() as folder:
        service = many_tables.make_service(Path(folder) / "migrations", TABLES)
        address = await prepare(server, service)
        times, sent = await measure(address, service)
        await full_schema.drop_roles(address, service)
    async with full_schema.session(server) as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    print(f"{TABLES} tables: median {statistics.median(times):.2f} s, slowest {max(times):.2f} s, {sent} statements")


def main() -> None:
    """Measure on the project's embedded server."""
    server = embedded_server()
    with server.lease():
        asyncio.run(run(server.address("postgres")))


if __name__ == "__main__":
    main()
