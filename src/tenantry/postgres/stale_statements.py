"""Errors of prepared statements that a migration has made stale.

PostgreSQL keeps a prepared statement's result type and parameter types. After a migration that changes one of them, the
statement fails on every connection that prepared it before. The refusal comes before the statement runs, and ends the
transaction. So a stale statement that is the first of its transaction can be prepared again in a new transaction
(`adapter`). Later in a transaction, only the whole unit of work can be repeated (`retry`).
"""

from __future__ import annotations

import asyncpg

from tenantry.postgres.sqlstate import chain_of, sqlstate_of

__all__ = ["is_stale", "may_be_stale"]

# Errors of the parser, if a parameter has a type that its column no longer has: no such cast, no such operator, wrong
# type. And XX000, if that type does not exist any more ("cache lookup failed for type"). A statement that was just
# prepared can raise them too.
_DOUBTFUL = {"42846", "42883", "42804", "XX000"}


def is_stale(error: BaseException) -> bool:
    """Return True if PostgreSQL refused a prepared statement because its result type has changed.

    Its SQLSTATE is the general 0A000. asyncpg knows the case by the server's function, in any language.
    """
    return any(isinstance(link, asyncpg.InvalidCachedStatementError) for link in chain_of(error))


def may_be_stale(error: BaseException) -> bool:
    """Return True if `error` may go away when the statement is prepared again."""
    return is_stale(error) or sqlstate_of(error) in _DOUBTFUL
