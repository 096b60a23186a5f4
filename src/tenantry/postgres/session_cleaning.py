"""SQL that cleans a used session, sent in front of BEGIN in the same message.

A pooled connection is used by many units of work, and SQL can leave state in its session: settings, a role, prepared
statements, cursors WITH HOLD, temporary objects, LISTEN, advisory locks. The next tenant must not see any of it.

The cleaning is a separate transaction. A RESET inside the tenant's transaction would be too late for
`default_transaction_read_only` and similar settings, which BEGIN reads; and a ROLLBACK would undo it.

Prepared statements cannot be cleaned: the driver keeps using its names, and SQL may have replaced one of them. But they
can be detected: PostgreSQL marks statements that SQL prepared (`from_sql`), and the number of the driver's statements
is known. If they differ, the cleaning fails, and the caller uses another connection.

All names are schema-qualified, so that the search_path of an earlier tenant does not select the functions.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry import sql

__all__ = ["TRACKED", "clean_backend", "clean_session"]

# RESET ALL does not reset the session authorization and the role. RESET ROLE comes second, because RESET SESSION
# AUTHORIZATION also changes the role. Both restore the values of the startup packet. CLOSE ALL comes before DISCARD
# TEMP, because a cursor may read a temporary table.
_RESET = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP"

_UNLOCK = "pg_catalog.pg_advisory_unlock_all()"

# The settings that PgBouncer tracks for each client and sets on the backend of its transaction.
TRACKED = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "standard_conforming_strings",
)


def clean_session(prepared: int) -> str:
    """Return the SQL that cleans a session in which the driver has `prepared` prepared statements.

    It fails with SQLSTATE 22P02 if SQL prepared or deallocated a statement: the cast to boolean fails.
    """
    verdict = (
        f"CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) {prepared:d} "
        "AND pg_catalog.bool_or(from_sql) IS NOT TRUE "
        "THEN 'true' ELSE 'SQL changed the prepared statements of a pooled connection' END"
    )
    check = f"SELECT {_UNLOCK}, ({verdict})::pg_catalog.bool FROM pg_catalog.pg_prepared_statements"  # noqa: S608  # a number
    return f"BEGIN; {_RESET}; {check}; COMMIT"


def clean_backend(tracked: Mapping[str, str]) -> str:
    """Return the SQL that cleans the backend that a connection pooler assigns for one transaction.

    The pooler's clients share the backend, so a new connection to the pooler would not help. A backend with statements
    that SQL prepared terminates itself, and the pooler starts another. The number of statements that the pooler
    prepared is unknown, so it is not compared. `tracked` are the settings that the pooler has recorded for this client.
    """
    settings = "".join(f"; SET {sql.identifier(name)} = {sql.literal(value)}" for name, value in tracked.items())
    end = (
        "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) "
        "FROM pg_catalog.pg_prepared_statements WHERE from_sql LIMIT 1"
    )
    return f"BEGIN; {_RESET}{settings}; SELECT {_UNLOCK}; {end}; COMMIT"
