"""Executes the audit's statements about the catalog, each by its name.

On a server with fewer privileges than usual the audit's role may not execute some of them. Such a statement gives no
rows and is reported as not compared; the others still run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.postgres.statements import load_statements
from tenantry.postgres.tables.comparison import INSUFFICIENT_PRIVILEGE

__all__ = ["Facts", "Row", "read_facts"]

# A row of the catalog, by the names that the statement gives its columns.
Row: TypeAlias = dict[str, Any]

_FILES = (
    *(("tenantry.proof.audit", f"{name}.sql") for name in ("snapshot", "privileges", "roles", "routines", "reach")),
    ("tenantry.postgres.tables", "tables.sql"),
)

_STATEMENTS = dict(itertools.chain.from_iterable(load_statements(*file).items() for file in _FILES))

# The parameter of each statement whose parameter is not `application`, by the name of the caller's value.
_PARAMETERS = {
    **dict.fromkeys(("tables", "columns", "indexes", "constraints", "rules"), "schemas"),
    **dict.fromkeys(("roles", "schemas"), "names"),
    "leakproof_builtins": "leaking",
    "server_settings": "settings",
}

# The first version of the server that has the statement's catalog.
_SINCE = {"parameter_grants": 150000}


class Facts(NamedTuple):
    """The rows of each statement, and the names of the statements that the audit's role may not execute."""

    rows: Mapping[str, tuple[Row, ...]]
    unread: tuple[str, ...]


def read_facts(connection: Connection, version: int, known: Mapping[str, Any]) -> Facts:
    """Execute every statement; `known` has the value of each parameter by its name."""
    rows: dict[str, tuple[Row, ...]] = {}
    unread = []
    for name, statement in _STATEMENTS.items():
        rows[name] = ()
        if version < _SINCE.get(name, 0):
            continue
        parameters = (known[_PARAMETERS.get(name, "application")],) if "$1" in statement else ()
        savepoint = connection.begin_nested()
        try:
            found = connection.exec_driver_sql(statement, parameters)
            rows[name] = tuple(dict(row) for row in found.mappings())
        except DBAPIError as error:
            if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
                raise
            unread.append(name)
        finally:
            savepoint.rollback()
    return Facts(rows, tuple(unread))
