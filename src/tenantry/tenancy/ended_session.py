"""The class of a session whose unit of work has ended: every method that would work raises `SessionEnded`.

SQLAlchemy's closed session starts again when it is used: `add()` and `flush()` pass, no commit follows, and the row is
lost when the session is collected; until then it holds a connection. SQLAlchemy's own `close_resets_only=False` refuses
new transactions only, so that `flush()` of an empty session and `run_sync()` would still pass.

A unit of work changes the class of its session at its end. So a session in use pays nothing for the check.
"""

from __future__ import annotations

from typing import Any, Never

from sqlalchemy.orm import Session

from tenantry import errors

__all__ = ["HARMLESS", "EndedSession", "end_session", "refuse_ended"]

# These methods only release or describe, so that a caller's `finally` may call them.
HARMLESS = frozenset(
    {
        *("rollback", "close", "reset", "invalidate", "expunge", "expunge_all"),
        *("in_transaction", "in_nested_transaction", "get_transaction", "get_nested_transaction"),
        *("bind_mapper", "bind_table", "get_bind", "is_modified"),
    }
)


def _refuse(*_arguments: Any, **_options: Any) -> Never:
    raise errors.SessionEnded(
        "The session was used after its unit of work had ended.",
        why="Its transaction is over, so nothing that it does now would be saved. No statement was sent.",
        remedy="Open a unit of work where the work is done, also in a background task or in a generator: "
        "`async with database.tenant(...)`.",
    )


class EndedSession(Session):
    """A session that refuses to work."""

    # Every path to a transaction calls this one, also in methods that SQLAlchemy may add.
    _autobegin_t = _refuse


for _name, _member in vars(Session).items():
    if callable(_member) and not _name.startswith("_") and _name not in HARMLESS:
        setattr(EndedSession, _name, _refuse)


def end_session(session: Session) -> None:
    """Make the session refuse further work."""
    session.__class__ = EndedSession


def refuse_ended(session: Session) -> None:
    """Raise `SessionEnded` if the session's unit of work has ended."""
    if isinstance(session, EndedSession):
        _refuse()
