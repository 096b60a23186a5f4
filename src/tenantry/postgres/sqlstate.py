"""What a database error says in codes: its SQLSTATE and its constraint, wherever in the chain the driver left them.

SQLAlchemy wraps its own adapter's error, which wraps asyncpg's; our errors carry the driver's as their cause. Errors
are told apart by these codes and never by their text, which follows the server's language (manual, appendix A).
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["CANNOT_CONNECT_NOW", "READ_ONLY", "TOO_MANY_CONNECTIONS", "chain_of", "constraint_of", "sqlstate_of"]

READ_ONLY = "25006"
TOO_MANY_CONNECTIONS = "53300"
CANNOT_CONNECT_NOW = "57P03"


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what lies beneath it: SQLAlchemy's `orig` first, else the cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        below = getattr(error, "orig", None)
        error = below if isinstance(below, BaseException) else error.__cause__


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the five-character SQLSTATE of a database error, or None when the server never gave one."""
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
