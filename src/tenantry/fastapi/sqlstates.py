"""The answers to errors of PostgreSQL, by SQLSTATE and the name of the constraint, never by the text of the message.

The codes are those of appendix A of the manual. A service can have its own answer for a constraint. The answers below
name neither table nor constraint. When the client can send the same request again, the answer has Retry-After.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry.fastapi.problems import Answer

__all__ = ["SCHEMA_MISMATCH", "UNAVAILABLE", "answer_for"]

RETRY_SOON = {"Retry-After": "1"}

UNAVAILABLE = Answer(503, "database_unavailable", "The database does not answer. Try again shortly.", RETRY_SOON)
SCHEMA_MISMATCH = Answer(
    503, "schema_mismatch", "The database is at another revision than this build. Try again shortly.", RETRY_SOON
)
_FOREIGN_ROW = "The row belongs to another tenant, or the service has no privilege for it."
_INVALID = Answer(422, "value_invalid", "The database cannot store a value of this request.")
_OVERRUN = Answer(504, "database_timeout", "The statement took too long and was cancelled.", RETRY_SOON)
# 409 and not 503: the service is well. Two requests changed the same rows, and the client can send one again.
_CONFLICT = Answer(
    409, "concurrent_update", "Another request changed the same rows. Send this request again.", RETRY_SOON
)
_OVERLOADED = Answer(503, "database_overloaded", "The database is out of resources. Try again shortly.", RETRY_SOON)
_BUSY = Answer(503, "rows_locked", "Another transaction has locked these rows. Try again shortly.", RETRY_SOON)

BY_CODE: Mapping[str, Answer] = {
    "23505": Answer(409, "already_exists", "A row with the same key already exists."),
    "23503": Answer(
        409, "reference_conflict", "A referenced row does not exist, or another row still refers to this one."
    ),
    "23001": Answer(409, "reference_conflict", "Other rows still refer to this one."),
    "23P01": Answer(409, "overlap", "The row overlaps with another row."),
    "23514": Answer(422, "constraint_violated", "A value is not allowed."),
    "23502": Answer(422, "value_missing", "A required value is missing."),
    "40001": _CONFLICT,
    "40P01": _CONFLICT,
    "55P03": _BUSY,
    "57014": _OVERRUN,
    "25P03": _OVERRUN,
    "25P04": _OVERRUN,
    # WITH CHECK of row security and a missing privilege have the same code.
    "42501": Answer(403, "forbidden_by_database", _FOREIGN_ROW),
    # A primary that became a standby. The pool drops these connections, and the next request reaches the new primary.
    "25006": Answer(
        503, "database_read_only", "The database accepts no writes at the moment. Try again shortly.", RETRY_SOON
    ),
    "57P01": UNAVAILABLE,
    "57P02": UNAVAILABLE,
    "57P03": UNAVAILABLE,
    "57P05": UNAVAILABLE,
}
BY_CLASS: Mapping[str, Answer] = {"08": UNAVAILABLE, "22": _INVALID, "28": UNAVAILABLE, "53": _OVERLOADED}


def answer_for(sqlstate: str | None, constraint: str | None, constraints: Mapping[str, Answer]) -> Answer | None:
    """Return the answer to a client, or None for a defect of the service such as a missing table or bad SQL."""
    if constraint is not None and constraint in constraints:
        return constraints[constraint]
    if sqlstate is None:
        return None
    return BY_CODE.get(sqlstate) or BY_CLASS.get(sqlstate[:2])
