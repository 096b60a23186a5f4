"""SQL that makes a used session clean again, sent in front of BEGIN in BEGIN's own message.

A pooled connection outlives a unit of work, and so does what SQL can leave in its session: settings, a role, prepared
statements, cursors WITH HOLD, temporary objects, LISTEN, advisory locks. The next tenant must meet none of it.

The cleaning is a transaction of its own. A RESET inside the tenant's transaction would come too late for
`default_transaction_read_only` and its siblings, which BEGIN reads, and a ROLLBACK would undo it.

Prepared statements cannot be cleaned: the driver goes on using its names, and SQL may have replaced one of them. SQL
cannot hide that, since PostgreSQL marks what SQL prepared (`from_sql`), and counts what the driver prepared. So the
cleaning fails there, and the caller takes another connection.

All names are qualified: a search_path of an earlier tenant must not choose the functions that clean up after it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry import sql

__all__ = ["TRACKED", "clean_backend", "clean_session"]

# RESET ROLE comes after RESET SESSION AUTHORIZATION, which lays the role down; both stay out of RESET ALL. They return
# to what the startup packet said. CLOSE ALL comes before DISCARD TEMP: a cursor may read a temporary table.
_RESET = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP"

_UNLOCK = "pg_catalog.pg_advisory_unlock_all()"

# What PgBouncer keeps for each client and sets on the backend that it lends.
TRACKED = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "standard_conforming_strings",
)


def clean_session(prepared: int) -> str:
    """Return what cleans a session of which the driver holds `prepared` statements.

    It fails with SQLSTATE 22P02 if SQL prepared a statement or deallocated one: the cast refuses the sentence.
    """
    verdict = (
        f"CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) {prepared:d} "
        "AND pg_catalog.bool_or(from_sql) IS NOT TRUE "
        "THEN 'true' ELSE 'SQL changed the prepared statements of a pooled connection' END"
    )
    check = f"SELECT {_UNLOCK}, ({verdict})::pg_catalog.bool FROM pg_catalog.pg_prepared_statements"  # noqa: S608  # a number
    return f"BEGIN; {_RESET}; {check}; COMMIT"


def clean_backend(tracked: Mapping[str, str]) -> str:
    """Return what cleans the backend that a connection pooler lends for one transaction.

    The pooler's clients share it, so that replacing our own connection would not help: a backend with statements that
    SQL prepared ends itself, and the pooler starts another. How many statements the pooler itself prepared there is not
    known. `tracked` are the settings that the pooler believes to be in force for this client.
    """
    settings = "".join(f"; SET {sql.identifier(name)} = {sql.literal(value)}" for name, value in tracked.items())
    end = (
        "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) "
        "FROM pg_catalog.pg_prepared_statements WHERE from_sql LIMIT 1"
    )
    return f"BEGIN; {_RESET}{settings}; SELECT {_UNLOCK}; {end}; COMMIT"
