"""What a client is told when PostgreSQL refuses: by SQLSTATE and constraint name, never by message text.

Codes are those of the manual's appendix A. A service may give a constraint its own answer; all else gets ours, which
names neither table nor constraint. Where the whole request may simply be sent again, the answer carries Retry-After.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry.fastapi.problems import Answer

__all__ = ["UNAVAILABLE", "answer_for"]

RETRY_SOON = {"Retry-After": "1"}

UNAVAILABLE = Answer(503, "database_unavailable", "The database does not answer. Try again shortly.", RETRY_SOON)
_FOREIGN_ROW = "The row would belong to another tenant, or this service may not touch it."
_INVALID = Answer(422, "value_invalid", "The database cannot hold a value of this request.")
_OVERRUN = Answer(504, "database_timeout", "The database took too long and was told to stop.", RETRY_SOON)
# 409 and not 503: nothing is wrong with the service, two requests met, and the loser may send the same again.
_CONFLICT = Answer(409, "concurrent_update", "Another request changed the same rows. Send this one again.", RETRY_SOON)
_OVERLOADED = Answer(503, "database_overloaded", "The database has no room for this now.", RETRY_SOON)
_BUSY = Answer(503, "rows_locked", "Another piece of work holds these rows. Try again shortly.", RETRY_SOON)

BY_CODE: Mapping[str, Answer] = {
    "23505": Answer(409, "already_exists", "A row with the same key exists already."),
    "23503": Answer(409, "reference_conflict", "A row that this one refers to is missing, or still refers to it."),
    "23001": Answer(409, "reference_conflict", "Other rows still refer to this one."),
    "23P01": Answer(409, "overlap", "The row overlaps with another one."),
    "23514": Answer(422, "constraint_violated", "A value is outside of what is allowed."),
    "23502": Answer(422, "value_missing", "A required value is missing."),
    "40001": _CONFLICT,
    "40P01": _CONFLICT,
    "55P03": _BUSY,
    "57014": _OVERRUN,
    "25P03": _OVERRUN,
    "25P04": _OVERRUN,
    # Row security's WITH CHECK and a missing grant share this code.
    "42501": Answer(403, "forbidden_by_database", _FOREIGN_ROW),
    # A demoted primary: the pool drops such connections, the next try finds the new one.
    "25006": Answer(503, "database_read_only", "The database accepts no writes at the moment.", RETRY_SOON),
    "57P01": UNAVAILABLE,
    "57P02": UNAVAILABLE,
    "57P03": UNAVAILABLE,
    "57P05": UNAVAILABLE,
}
BY_CLASS: Mapping[str, Answer] = {"08": UNAVAILABLE, "22": _INVALID, "28": UNAVAILABLE, "53": _OVERLOADED}


def answer_for(sqlstate: str | None, constraint: str | None, constraints: Mapping[str, Answer]) -> Answer | None:
    """Return what a client is told, or None where the failure is a defect of ours (a missing table, bad SQL)."""
    if constraint is not None and constraint in constraints:
        return constraints[constraint]
    if sqlstate is None:
        return None
    return BY_CODE.get(sqlstate) or BY_CLASS.get(sqlstate[:2])
