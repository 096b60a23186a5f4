from __future__ import annotations

import pytest

from tenantry.fastapi.problems import Answer
from tenantry.fastapi.sqlstates import answer_for


@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [
        ("23505", 409),
        ("23503", 409),
        ("23514", 422),
        ("23502", 422),
        ("22001", 422),
        ("22003", 422),
        ("22P02", 422),
        ("22021", 422),
        ("40001", 409),
        ("40P01", 409),
        ("42501", 403),
        ("25006", 503),
        ("57014", 504),
        ("57P01", 503),
        ("53300", 503),
        ("08006", 503),
        ("28P01", 503),
    ],
)
def test_each_code_has_its_status(sqlstate: str, status: int) -> None:
    answer = answer_for(sqlstate, None, {})
    assert answer is not None
    assert answer.status == status


@pytest.mark.parametrize("sqlstate", [None, "42P01", "42703", "XX000", "P0001", "0A000"])
def test_a_defect_of_ours_has_no_answer(sqlstate: str | None) -> None:
    """It becomes a 500, which is logged."""
    assert answer_for(sqlstate, None, {}) is None


def test_a_constraint_that_the_service_names_goes_first() -> None:
    own = Answer(409, "email_taken", "This address has an account.")
    assert answer_for("23505", "uq_users_email", {"uq_users_email": own}) is own
    assert answer_for("23505", "uq_other", {"uq_users_email": own}) is not own


def test_what_may_be_sent_again_says_when() -> None:
    for sqlstate in ("40001", "40P01", "55P03", "57P03", "25006"):
        answer = answer_for(sqlstate, None, {})
        assert answer is not None
        assert "Retry-After" in answer.headers
