from __future__ import annotations

from typing import Any

import pytest

from tenantry.fastapi.database_check import judge, judge_pool
from tenantry.fastapi.health import Status
from tenantry.postgres.probe import ProbeResult
from tenantry.postgres.roles import RoleFacts, Roles

ROLES = Roles(owner="owner", application="app", admin="admin")
SAFE: dict[str, Any] = {"name": "app", "login_name": "app"}


def answer(**changes: Any) -> ProbeResult:
    facts = changes.pop("role", SAFE)
    role = None if facts is None else RoleFacts(**facts)
    given = {"ok": True, "latency_ms": 1.23, "in_recovery": False, "revision": "0002", "role": role}
    return ProbeResult(**{**given, **changes})


def failing(result: ProbeResult, expected: str | None = "0002") -> set[str]:
    return {name for name, one in judge(result, expected, ROLES).items() if one.status is Status.FAIL}


def test_a_database_as_it_should_be_passes() -> None:
    verdicts = judge(answer(), "0002", ROLES)
    assert {one.status for one in verdicts.values()} == {Status.PASS}
    assert verdicts["connectivity"].observed == 1.2
    assert verdicts["schema"].observed == "0002"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"ok": False, "error": "connection to 10.0.0.1 refused"}, "connectivity"),
        ({"revision": "0001"}, "schema"),
        ({"revision": None}, "schema"),
        ({"in_recovery": True}, "recovery"),
        ({"role": None}, "role"),
        ({"role": {**SAFE, "superuser": True}}, "role"),
        ({"role": {**SAFE, "bypass_rls": True}}, "role"),
        ({"role": {**SAFE, "name": "owner"}}, "role"),
    ],
)
def test_each_fault_fails_its_own_verdict(changes: dict[str, Any], verdict: str) -> None:
    result = answer(**changes)
    assert failing(result) == {verdict}
    assert "10.0.0.1" not in judge(result, "0002", ROLES)[verdict].output


def test_without_an_expected_revision_the_schema_is_not_looked_at() -> None:
    assert "schema" not in judge(answer(revision="anything"), None, ROLES)


@pytest.mark.parametrize(("checked_out", "status"), [(0, Status.PASS), (19, Status.PASS), (20, Status.FAIL)])
def test_a_pool_without_a_free_connection_fails(checked_out: int, status: Status) -> None:
    verdict = judge_pool(checked_out, limit=20)
    assert (verdict.status, verdict.observed) == (status, checked_out)
