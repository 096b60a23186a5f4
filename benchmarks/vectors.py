"""Nearest messages of one organisation: how many of the true ten are found, and how fast (docs/explanation/vectors).

50,000 vectors of 384 dimensions, drawn round 200 centres as embeddings of texts lie, of organisations with 0.1, 1 and
10 % of the rows and twenty that share the rest. Each way answers the same 50 questions of each organisation, as the
application role under row security, and is compared with the exact answer. Sizes are options, for a quicker look.

    python benchmarks/vectors.py --rows 50000
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from tenantry.deployment.deployment import embedded_server

DIMENSIONS, CENTRES, K, EF_SEARCH = 384, 200, 10, 100
SHARES = {"0.1 %": 0.001, "1 %": 0.01, "10 %": 0.1}
OTHERS, PARTITIONS = 20, 32

POLICY = "tenant = (SELECT NULLIF(current_setting('app.tenant', true), '')::int)"
SETUP = f"""
DROP SCHEMA IF EXISTS bench CASCADE;
DROP ROLE IF EXISTS bench_reader;
CREATE ROLE bench_reader;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO bench_reader;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE bench.one (tenant int, id int, embedding vector({DIMENSIONS}), PRIMARY KEY (tenant, id));
CREATE TABLE bench.parts (tenant int, id int, embedding vector({DIMENSIONS}), PRIMARY KEY (tenant, id))
    PARTITION BY HASH (tenant);
"""
TEARDOWN = "RESET ROLE; DROP SCHEMA bench CASCADE; DROP ROLE bench_reader;"

# By way: the table, and what is set in the transaction. Without an index scan, a sort of the tenant's rows is exact.
EXACT = ("bench.one", "SET LOCAL enable_indexscan = off")
WAYS = {
    "exact: the organisation's rows, sorted": EXACT,
    "one HNSW, filtered afterwards": (
        "bench.one",
        "SET LOCAL enable_sort = off; SET LOCAL hnsw.iterative_scan = off",
    ),
    "one HNSW, iterative scan": (
        "bench.one",
        "SET LOCAL enable_sort = off; SET LOCAL hnsw.iterative_scan = relaxed_order",
    ),
    "hash partitions, an HNSW each": ("bench.parts", "SET LOCAL hnsw.iterative_scan = relaxed_order"),
}

Vector = list[float]


@dataclass
class Figures:
    """What one way did for one organisation."""

    milliseconds: float
    recall: float
    rows: float


class Cloud:
    """Vectors round a few centres; the same for every run."""

    def __init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311  (the same for every run)
        self._centres = [self._direction(1.0) for _ in range(CENTRES)]

    def point(self) -> Vector:
        """Return a vector near one of the centres."""
        centre = self._chance.choice(self._centres)
        return [a + b for a, b in zip(centre, self._direction(0.8), strict=True)]

    def _direction(self, spread: float) -> Vector:
        return [self._chance.gauss(0, spread) for _ in range(DIMENSIONS)]


def owners(rows: int) -> Iterator[int]:
    """Yield the tenant of each row: one each for the shares, the others for the rest."""
    for tenant, share in enumerate(SHARES.values(), 1):
        yield from [tenant] * round(rows * share)
    rest = rows - sum(round(rows * share) for share in SHARES.values())
    yield from (100 + number % OTHERS for number in range(rest))


def text_of(vector: Sequence[float]) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.5f}" for value in vector) + "]"


async def fill(connection: asyncpg.Connection, rows: int) -> Cloud:
    """Make both tables with the same rows in a random order, and their indexes."""
    await connection.execute(SETUP)
    for number in range(PARTITIONS):
        bound = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        await connection.execute(f"CREATE TABLE bench.parts_{number} PARTITION OF bench.parts {bound}")
    cloud, tenants = Cloud(), list(owners(rows))
    random.Random(2).shuffle(tenants)  # noqa: S311
    await connection.execute("CREATE TEMPORARY TABLE given (tenant int, id int, embedding text)")
    for start in range(0, rows, 5000):
        batch = [(tenants[n], n, text_of(cloud.point())) for n in range(start, min(start + 5000, rows))]
        await connection.copy_records_to_table("given", records=batch)
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for table in ("one", "parts"):
        await connection.execute(f"INSERT INTO bench.{table} SELECT tenant, id, embedding::vector FROM given")  # noqa: S608
        start_time = time.perf_counter()
        await connection.execute(f"CREATE INDEX ON bench.{table} USING hnsw (embedding vector_cosine_ops)")
        print(f"the index of bench.{table} took {time.perf_counter() - start_time:.0f} s")
        for statement in (
            f"ALTER TABLE bench.{table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY p ON bench.{table} USING ({POLICY})",
            f"GRANT SELECT ON bench.{table} TO bench_reader",
            f"ANALYZE bench.{table}",
        ):
            await connection.execute(statement)
    return cloud


async def ask(connection: asyncpg.Connection, way: str, tenant: int, question: Vector) -> tuple[list[int], float]:
    """Return the ids that a way finds, and the milliseconds that the query took."""
    table, settings = WAYS[way]
    # A literal, as the toolkit's explicit predicate is a constant to the planner.
    query = f"SELECT id FROM {table} WHERE tenant = {tenant} ORDER BY embedding <=> $1::text::vector LIMIT {K}"  # noqa: S608
    async with connection.transaction():
        await connection.execute(f"SET LOCAL app.tenant = '{tenant}'; SET LOCAL hnsw.ef_search = {EF_SEARCH}")
        await connection.execute(settings)
        statement = await connection.prepare(query)
        start = time.perf_counter()
        rows = await statement.fetch(text_of(question))
        return [row["id"] for row in rows], (time.perf_counter() - start) * 1000


async def measure(connection: asyncpg.Connection, tenant: int, questions: Sequence[Vector]) -> dict[str, Figures]:
    """Return the figures of every way for one organisation; the questions are asked of each in turn."""
    exact = next(iter(WAYS))
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    found: dict[str, list[int]] = {way: [] for way in WAYS}
    hits: dict[str, list[float]] = {way: [] for way in WAYS}
    for question in (questions[0], *questions):
        truth: set[int] = set()
        for way in WAYS:
            ids, milliseconds = await ask(connection, way, tenant, question)
            truth = set(ids) if way == exact else truth
            times[way].append(milliseconds)
            found[way].append(len(ids))
            hits[way].append(len(truth & set(ids)) / len(truth))
    # The first question of all warms up.
    return {
        way: Figures(statistics.median(times[way][1:]), statistics.mean(hits[way][1:]), statistics.mean(found[way][1:]))
        for way in WAYS
    }


async def run(host: str, port: int, rows: int, questions: int) -> None:
    """Fill, measure, and print a table in Markdown."""
    connection = await asyncpg.connect(host=host, port=port, user="postgres", database="postgres")
    try:
        cloud = await fill(connection, rows)
        version = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        asked = [cloud.point() for _ in range(questions)]
        await connection.execute("SET ROLE bench_reader")
        by_share = {share: await measure(connection, tenant, asked) for tenant, share in enumerate(SHARES, 1)}
        print(f"PostgreSQL {connection.get_server_version().major}, pgvector {version}, {rows} x {DIMENSIONS}")
        print(f"| way | {' | '.join(SHARES)} |\n| --- |{' --- |' * len(SHARES)}")
        for way in WAYS:
            cells = [by_share[share][way] for share in SHARES]
            shown = [f"{one.milliseconds:.2f} ms, {one.recall:.2f}, {one.rows:.1f} rows" for one in cells]
            print(f"| {way} | {' | '.join(shown)} |")
        await connection.execute(TEARDOWN)
    finally:
        await connection.close()


def main() -> None:
    """Measure on the project's embedded server, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--questions", type=int, default=50)
    options = parser.parse_args()
    server = embedded_server()
    with server.lease():
        host = server.address().hosts[0]
        asyncio.run(run(host.name, host.port, options.rows, options.questions))


if __name__ == "__main__":
    main()
