"""What it costs a statement to give no row, or to raise, where no tenant is bound (docs/decisions/0001).

A point query as the application role over 100,000 rows of 1,000 tenants, once for each form of the policy, in
interleaved rounds. Prints the median of each form and its ratio to the first, pair by pair.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import asyncpg

from tenantry.deployment.deployment import embedded_server

FORMS = {
    "NULLIF(current_setting(x, true), '')": "NULLIF(current_setting('app.tenant', true), '')",
    "current_setting(x), raises": "current_setting('app.tenant')",
    "a PL/pgSQL accessor, raises": "bench_tenant()",
}
ROUNDS, WARM, STATEMENTS = 7, 200, 1500

SETUP = """
DROP TABLE IF EXISTS bench_rows;
DROP ROLE IF EXISTS bench_reader;
CREATE ROLE bench_reader;
CREATE TABLE bench_rows (tenant_id varchar(100) NOT NULL, id int, payload text);
INSERT INTO bench_rows SELECT 't' || (n % 1000), n, repeat('x', 50) FROM generate_series(1, 100000) n;
CREATE INDEX ON bench_rows (tenant_id, id);
ANALYZE bench_rows;
GRANT SELECT ON bench_rows TO bench_reader;
ALTER TABLE bench_rows ENABLE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION bench_tenant() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE tenant text := NULLIF(current_setting('app.tenant', true), '');
BEGIN
    IF tenant IS NULL THEN RAISE EXCEPTION 'no tenant'; END IF;
    RETURN tenant;
END $$;
"""
TEARDOWN = "RESET ROLE; DROP TABLE bench_rows; DROP FUNCTION bench_tenant(); DROP ROLE bench_reader;"


async def time_form(connection: asyncpg.Connection, expression: str) -> float:
    """Return microseconds a statement under a policy with this expression."""
    await connection.execute("RESET ROLE; DROP POLICY IF EXISTS bench ON bench_rows")
    await connection.execute(f"CREATE POLICY bench ON bench_rows USING (tenant_id::text = (SELECT {expression}))")
    await connection.execute("SET ROLE bench_reader; SET app.tenant = 't7'")
    query = await connection.prepare("SELECT payload FROM bench_rows WHERE id = $1")
    for _ in range(WARM):
        await query.fetch(7)
    start = time.perf_counter()
    for _ in range(STATEMENTS):
        await query.fetch(7)
    return (time.perf_counter() - start) / STATEMENTS * 1e6


async def measure(host: str, port: int) -> dict[str, list[float]]:
    """Return the times of every form, a round each."""
    connection = await asyncpg.connect(host=host, port=port, user="postgres", database="postgres")
    try:
        await connection.execute(SETUP)
        times: dict[str, list[float]] = {name: [] for name in FORMS}
        for _ in range(ROUNDS):
            for name, expression in FORMS.items():
                times[name].append(await time_form(connection, expression))
        await connection.execute(TEARDOWN)
    finally:
        await connection.close()
    return times


def main() -> None:
    """Measure on the project's embedded server, and print."""
    server = embedded_server()
    with server.lease():
        host = server.address().hosts[0]
        times = asyncio.run(measure(host.name, host.port))
    first = next(iter(times.values()))
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, first, strict=True))
        print(f"{name:40} {statistics.median(values):6.0f} us  {ratio:.2f}")


if __name__ == "__main__":
    main()
