"""What a signed tenant costs: a statement, a transaction, a row that is filled (docs/decisions/0015).

    python benchmarks/signed_context.py [VERSION|FOLDER]

A point query and an INSERT as the application's role over 100,000 rows of 1,000 tenants, and an empty transaction, each
with and without signatures over one connection. Rounds alternate, so that both meet the same weather. Printed are the
medians of the time that the server spends on a CPU, and the median difference and ratio of the pairs.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from asyncpg.transaction import Transaction
from sqlalchemy import MetaData, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.secrets import SigningRing, StaticSource
from tenantry.tenancy.policy import setting_expression, tenant_predicate
from tenantry.tenancy.signed_context.accessor import (
    ACCESSOR,
    KEYS_TABLE,
    SCHEMA,
    accessor_function,
    claimed_tenant,
    keys_protection,
    keys_table,
)
from tenantry.tenancy.signed_context.signer import Signer

SETTING = "app.current_tenant_id"
ROUNDS, STATEMENTS = 60, 400
OWNER, READER = "bench_owner", "bench_reader"
RING = SigningRing.generate()

# Each form: the table's name, what fills its column, and what its policy compares with.
FORMS = {
    "plain": (
        setting_expression(SETTING, Text()),
        tenant_predicate("tenant_id", SETTING, Text()),
        f"SET LOCAL {SETTING} = 't7'",
    ),
    "signed": (
        claimed_tenant(SETTING),
        tenant_predicate("tenant_id", SETTING, Text(), accessor=f"{SCHEMA}.{ACCESSOR}"),
        "",
    ),
}
TABLE = """
CREATE TABLE bench_{form} (tenant_id text NOT NULL DEFAULT {default}, id int NOT NULL, payload text);
INSERT INTO bench_{form} SELECT 't' || (n % 1000), n, repeat('x', 50) FROM generate_series(1, 100000) n;
CREATE INDEX ON bench_{form} (tenant_id, id);
VACUUM ANALYZE bench_{form};
GRANT SELECT, INSERT ON bench_{form} TO {reader};
ALTER TABLE bench_{form} ENABLE ROW LEVEL SECURITY;
CREATE POLICY bench ON bench_{form} TO {reader} USING ({predicate}) WITH CHECK ({predicate});
"""


async def set_up(connection: Connection) -> None:
    """Make two roles, a table a form, the keys and the accessor."""
    await connection.execute(f"CREATE ROLE {READER}; CREATE ROLE {OWNER}; GRANT ALL ON SCHEMA public TO {OWNER}")
    await connection.execute(f"SET ROLE {OWNER}")
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    await connection.execute(str(CreateTable(keys_table(MetaData())).compile(dialect=dialect)))
    for item in (*keys_protection(OWNER), accessor_function(SETTING, READER)):
        for statement in item.create():
            await connection.execute(statement)
    name = RING.current
    insert = f"INSERT INTO {KEYS_TABLE} (id, inner_block, outer_block) VALUES ($1, $2, $3)"  # noqa: S608  # ours
    await connection.execute(insert, name, *RING.blocks(name))
    await connection.execute("RESET ROLE")
    for form, (default, predicate, _) in FORMS.items():
        script = TABLE.format(form=form, default=default, predicate=predicate, reader=READER)
        for statement in filter(str.strip, script.split(";")):
            await connection.execute(statement)
    await connection.execute(f"SET ROLE {READER}")


def preamble_of(form: str, signer: Signer) -> str:
    """Return what binds the tenant; a signed one is made anew, as for each transaction."""
    return FORMS[form][2] or signer.statement(SETTING, "t7")


class Meter:
    """The time that the server's process spends on a CPU, which others on the machine cannot lengthen much.

    Linux counts it (proc(5), /proc/pid/schedstat, nanoseconds); elsewhere it is the time that passes.
    """

    def __init__(self, connection: Connection) -> None:
        self.path = Path(f"/proc/{connection.get_server_pid()}/schedstat")
        self.is_counted = self.path.is_file()

    def read(self) -> float:
        """Return microseconds."""
        return int(self.path.read_text().split()[0]) / 1e3 if self.is_counted else time.perf_counter() * 1e6


async def time_select(connection: Connection, meter: Meter, form: str, signer: Signer) -> float:
    """Return what a point query takes."""
    async with bound(connection, form, signer):
        query = await connection.prepare(f"SELECT payload FROM bench_{form} WHERE tenant_id = 't7' AND id = $1")  # noqa: S608
        assert len(await query.fetch(7)) == 1
        start = meter.read()
        for _ in range(STATEMENTS):
            await query.fetch(7)
        return (meter.read() - start) / STATEMENTS


async def time_insert(connection: Connection, meter: Meter, form: str, signer: Signer) -> float:
    """Return what a row takes of an INSERT of many, whose tenant the database fills in."""
    insert = f"INSERT INTO bench_{form} (id) SELECT n FROM generate_series(1, {STATEMENTS * 10}) n"  # noqa: S608
    transaction = bound(connection, form, signer)
    await transaction.start()
    start = meter.read()
    await connection.execute(insert)
    taken = meter.read() - start
    await transaction.rollback()
    return taken / (STATEMENTS * 10)


async def time_transaction(connection: Connection, meter: Meter, form: str, signer: Signer) -> float:
    """Return what BEGIN with its tenant and COMMIT take."""
    start = meter.read()
    for _ in range(STATEMENTS):
        async with bound(connection, form, signer):
            pass
    return (meter.read() - start) / STATEMENTS


def bound(connection: Connection, form: str, signer: Signer) -> Transaction:
    """Return a transaction of the driver that binds the tenant when it begins."""
    connection.preamble = preamble_of(form, signer)
    return connection.transaction()


async def compare(
    title: str,
    timing: Callable[[Connection, Meter, str, Signer], Awaitable[float]],
    connection: Connection,
    signer: Signer,
) -> None:
    """Print the medians of both forms, and of their pairs."""
    plain: list[float] = []
    signed: list[float] = []
    meter = Meter(connection)
    for number in range(ROUNDS):
        # Whoever is second finds warmer caches; so each is first as often as the other.
        for form in ("plain", "signed") if number % 2 else ("signed", "plain"):
            (plain if form == "plain" else signed).append(await timing(connection, meter, form, signer))
    difference = statistics.median(b - a for a, b in zip(plain, signed, strict=True))
    ratio = statistics.median(b / a for a, b in zip(plain, signed, strict=True))
    medians = f"{statistics.median(plain):8.2f} {statistics.median(signed):8.2f}"
    print(f"{title:44} {medians} {difference:+8.2f} us  {ratio:.2f}")


async def measure(server: EmbeddedServer) -> None:
    """Print every comparison."""
    connection = await connect(StaticSource(server.address("postgres")), deadline=30, application_name="bench")
    try:
        await set_up(connection)
        signer = await Signer(RING).fit(connection, SETTING)
        print(f"PostgreSQL {await connection.fetchval('SHOW server_version')}; {'plain':>25} {'signed':>8}")
        await compare("a point SELECT", time_select, connection, signer)
        await compare("a row of an INSERT ... SELECT", time_insert, connection, signer)
        await compare("BEGIN and COMMIT", time_transaction, connection, signer)
        recorded = Signer(RING, signer.shown, is_recorded=True)
        await compare("the same beside pg_stat_statements", time_transaction, connection, recorded)
        large = Signer(RING, 16 * 1024)
        await compare("the same with track_activity_query_size 16kB", time_transaction, connection, large)
    finally:
        await connection.close()
    start = time.perf_counter()
    for _ in range(10_000):
        signer.value("t7")
    print(f"signing, in Python {(time.perf_counter() - start) / 10_000 * 1e6:.2f} us")


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
