"""The readiness check of a database: it answers, has the expected schema, and its role cannot bypass row security.

The check uses the probe's own connection and not the pool, because a busy pool does not mean a broken database; the
pool has its own measurement. `judge` evaluates the probe's result without a database, so tests can cover each case.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry import errors
from tenantry.fastapi.health import DEADLINE, Check, Measurement, Status
from tenantry.postgres.probe import ProbeResult
from tenantry.postgres.roles import Roles, check_safe
from tenantry.tenancy.database import Database

__all__ = ["database_check", "judge", "judge_pool"]


def database_check(database: Database, expected_revision: str | None) -> Check:
    """Return the check of `database`; without an expected revision it ignores the schema."""

    async def check() -> Mapping[str, Measurement]:
        result = await database.probe.check()
        pool = database.pool_status()
        verdicts = judge(result, expected_revision, database.roles)
        return {**verdicts, "pool": judge_pool(pool.checked_out, pool.limit)}

    return check


def judge(result: ProbeResult, expected_revision: str | None, roles: Roles) -> dict[str, Measurement]:
    """Return the measurements of a probe's result; without an answer there is only the connectivity."""
    if not result.ok:
        late = f"The database did not answer within {DEADLINE * 1000:.0f} ms."
        return {"connectivity": Measurement(Status.FAIL, late)}
    verdicts = {
        "connectivity": Measurement(observed=round(result.latency_ms, 1), unit="ms"),
        "role": _judge_role(result, roles),
        "recovery": Measurement(),
    }
    if result.in_recovery:
        verdicts["recovery"] = Measurement(Status.FAIL, "The database is a standby and accepts no writes.")
    if result.objection is not None:
        verdicts["context"] = Measurement(Status.FAIL, result.objection)
    if expected_revision is not None:
        verdicts["schema"] = _judge_schema(result.revision, expected_revision)
    return verdicts


def _judge_role(result: ProbeResult, roles: Roles) -> Measurement:
    if result.role is None:
        return Measurement(Status.FAIL, "The role that serves requests could not be read.")
    try:
        check_safe(result.role, roles)
    except errors.UnsafeRole:
        return Measurement(Status.FAIL, "The role that serves requests can bypass row security.")
    return Measurement()


def _judge_schema(revision: str | None, expected: str) -> Measurement:
    if revision == expected:
        return Measurement(observed=revision)
    found = f"revision {revision}" if revision else "no revision"
    return Measurement(Status.FAIL, f"The schema is at {found}; this build expects {expected}.", observed=revision)


def judge_pool(checked_out: int, limit: int) -> Measurement:
    """Fail when all connections of the pool are in use, because the next request would wait."""
    is_exhausted = checked_out >= limit
    output = f"All {limit} connections of the pool are in use." if is_exhausted else ""
    return Measurement(Status.FAIL if is_exhausted else Status.PASS, output, checked_out, "connections")
