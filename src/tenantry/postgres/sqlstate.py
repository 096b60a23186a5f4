"""The SQLSTATE and the constraint of a database error, found in its chain of exceptions.

SQLAlchemy wraps the error of its adapter, which wraps asyncpg's error. Tenantry's errors have the driver's error as
their cause. Code distinguishes errors by SQLSTATE and never by text, which depends on the server's language (manual,
appendix A).
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["CANNOT_CONNECT_NOW", "READ_ONLY", "TOO_MANY_CONNECTIONS", "chain_of", "constraint_of", "sqlstate_of"]

READ_ONLY = "25006"
TOO_MANY_CONNECTIONS = "53300"
CANNOT_CONNECT_NOW = "57P03"


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and the errors that it wraps: SQLAlchemy's `orig` first, else the cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        below = getattr(error, "orig", None)
        error = below if isinstance(below, BaseException) else error.__cause__


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the five-character SQLSTATE of a database error, or None if it has no SQLSTATE."""
    return _first(error, "sqlstate")


def constraint_of(error: BaseException | None) -> str | None:
    """Return the name of the constraint that refused a row, or None."""
    return _first(error, "constraint_name")


def _first(error: BaseException | None, attribute: str) -> str | None:
    for link in chain_of(error):
        found = getattr(link, attribute, None)
        if isinstance(found, str) and found:
            return found
    return None
