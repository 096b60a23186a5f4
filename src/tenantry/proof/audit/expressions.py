"""Whether two SQL expressions mean the same to the server: the declared one and the one in the catalog.

The catalog prints a CHECK or a default in the server's own words, a model in its author's. Instead of guessing at
spellings, both are put into one EXPLAIN of the table, which the server prints back in one spelling. EXPLAIN plans and
executes nothing, so no row is read.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.sql import qualified

__all__ = ["is_same"]

INSUFFICIENT_PRIVILEGE = "42501"


def is_same(connection: Connection, table: tuple[str, str], declared: str, found: str, *, cast: str = "") -> bool:
    """Return whether both expressions, cast to one type where one is given, read the same over the table's columns."""
    if declared.strip() == found.strip():
        return True
    pair = ", ".join(f"CAST(({text}) AS {cast})" if cast else f"({text})" for text in (declared, found))
    # Two statements cannot be smuggled in: the extended protocol, which asyncpg speaks, takes one at a time.
    statement = f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {pair} FROM ONLY {qualified(*table)}"  # noqa: S608
    savepoint = connection.begin_nested()
    try:
        answer = connection.exec_driver_sql(statement).scalar_one()
    except DBAPIError as error:
        # A column that one of them names is missing, or of a type that does not fit: not the same. But who may not read
        # the table cannot ask at all; that so much was not compared is a finding of its own.
        return sqlstate_of(error) == INSUFFICIENT_PRIVILEGE
    finally:
        savepoint.rollback()
    plan = json.loads(answer) if isinstance(answer, str) else answer
    output: list[str] = plan[0]["Plan"].get("Output", [])
    return len(output) == len(("declared", "found")) and output[0] == output[1]
