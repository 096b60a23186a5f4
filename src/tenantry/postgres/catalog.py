"""Read a schema's objects from pg_catalog: row security, policies, grants, functions, triggers, sequences, roles.

If the database matches the models, the result equals the declared objects. Neither side is normalised. Reading changes
nothing and takes no lock above ACCESS SHARE, so it is safe on a production database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping

from tenantry.postgres.objects import (
    Comment,
    DatabaseObject,
    Domain,
    Enum,
    Extension,
    Function,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Schema,
    Sequence,
    Trigger,
    View,
)
from tenantry.postgres.statements import load_statements
from tenantry.sql import literal

__all__ = [
    "DrawnSequence",
    "bare_search_path",
    "read_created_schemas",
    "read_draws",
    "read_objects",
]

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

# Bits of pg_trigger.tgtype (catalog/pg_trigger.h).
_ROW, _BEFORE, _INSTEAD = 1, 2, 64
_EVENTS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
# The spellings of a boolean parameter that the catalog keeps as they were written.
_TRUE = frozenset({"true", "on", "yes", "1"})
_STATES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


class DrawnSequence(NamedTuple):
    """A sequence that a column's default calls nextval() on. If the column owns it, dropping the column drops it."""

    schema: str
    name: str
    is_owned: bool


def read_objects(
    connection: Connection, schema: str = "public", kinds: Collection[str] | None = None
) -> frozenset[DatabaseObject]:
    """Return the roles of the cluster, the extensions of the database, and the schema's objects except tables.

    `kinds` are the nouns of the kinds to read, by default all.

    The connection must be in a transaction, as a SQLAlchemy connection is unless it is in AUTOCOMMIT mode. The function
    sets `search_path = pg_catalog` for the transaction, so that expressions are printed in full, and then restores it.
    """
    found: set[DatabaseObject] = set()
    with bare_search_path(connection):
        for name, make in _MAKERS.items():
            if kinds is not None and _KINDS.get(name) not in kinds:
                continue
            parameters = (schema,) if "$1" in _STATEMENTS[name] else ()
            rows = connection.exec_driver_sql(_STATEMENTS[name], parameters).mappings()
            found.update(make(row, schema) for row in rows)
    return frozenset(found)


def read_draws(connection: Connection, schema: str = "public") -> dict[tuple[str, str, str], DrawnSequence]:
    """Return the columns (schema, table, name) whose default calls nextval(), each with its sequence."""
    rows = connection.exec_driver_sql(_STATEMENTS["draws"], (schema,)).mappings()
    return {
        (schema, row["table"], row["column"]): DrawnSequence(row["schema"], row["name"], row["is_owned"])
        for row in rows
    }


def read_created_schemas(connection: Connection) -> frozenset[str]:
    """Return the names of the schemas that a migration created."""
    return frozenset(connection.exec_driver_sql(_STATEMENTS["created_schemas"], (Schema.mark,)).scalars())


@contextmanager
def bare_search_path(connection: Connection) -> Iterator[None]:
    """Make the server print every name outside pg_catalog with its schema."""
    previous = connection.exec_driver_sql(_STATEMENTS["with_search_path"], ("pg_catalog",)).scalar_one()
    yield
    # Not in a `finally`: a failed statement has aborted the transaction, and its end restores the path.
    connection.exec_driver_sql(_STATEMENTS["with_search_path"], (previous,))


def _role(row: RowMapping, _schema: str) -> Role:
    return Role(**row)


def _schema(row: RowMapping, _schema: str) -> Schema:
    return Schema(**row)


def _extension(row: RowMapping, _schema: str) -> Extension:
    return Extension(**row)


def _sequence(row: RowMapping, schema: str) -> Sequence:
    return Sequence(**row, schema=schema)


def _enum(row: RowMapping, schema: str) -> Enum:
    return Enum(row["name"], tuple(row["values"]), schema)


def _domain(row: RowMapping, schema: str) -> Domain:
    return Domain(**_with_tuples(row), schema=schema)


def _function(row: RowMapping, schema: str) -> Function:
    fields = dict(row)
    settings = dict(setting.split("=", 1) for setting in fields.pop("settings"))
    path = settings.pop("search_path", None)
    clauses = [*fields.pop("clauses"), *(f"SET {name} = {literal(value)}" for name, value in settings.items())]
    return Function(
        **_with_tuples(fields),
        schema=schema,
        # The catalog stores an empty path as one empty name.
        search_path="" if path == '""' else path,
        options=tuple(clauses),
    )


def _trigger(row: RowMapping, schema: str) -> Trigger:
    bits = row["bits"]
    events = [event for event, bit in _EVENTS.items() if bits & bit]
    if row["columns"]:
        events = [f"UPDATE OF {', '.join(row['columns'])}" if event == "UPDATE" else event for event in events]
    return Trigger(
        row["name"],
        row["table"],
        row["function"],
        timing="BEFORE" if bits & _BEFORE else "INSTEAD OF" if bits & _INSTEAD else "AFTER",
        events=tuple(events),
        level="ROW" if bits & _ROW else "STATEMENT",
        when=_condition(row["definition"]) if row["is_conditional"] else None,
        schema=schema,
        arguments=tuple(bytes.fromhex(row["arguments"]).decode().split("\0")[:-1]),
        options=_trigger_options(row),
        state=_STATES[row["enabled"]],  # type: ignore[arg-type]
    )


def _condition(definition: str) -> str:
    """Return the WHEN expression from a trigger's definition: pg_get_expr cannot print OLD and NEW."""
    return definition.partition(" WHEN (")[2].rpartition(") EXECUTE FUNCTION ")[0]


def _trigger_options(row: RowMapping) -> str:
    if row["is_constraint"]:
        deferrable = "DEFERRABLE" if row["is_deferrable"] else "NOT DEFERRABLE"
        return f"{deferrable} INITIALLY {'DEFERRED' if row['is_deferred'] else 'IMMEDIATE'}"
    tables = [f"{age} TABLE AS {name}" for age in ("OLD", "NEW") if (name := row[f"{age.lower()}_table"])]
    return f"REFERENCING {' '.join(tables)}" if tables else ""


def _hash_partitions(row: RowMapping, schema: str) -> HashPartitions:
    bounds = dict(zip(row["partitions"], row["bounds"], strict=True))
    found = HashPartitions(row["table"], len(bounds), schema)
    return found if found.bounds == bounds else replace(found, is_regular=False)


def _row_security(row: RowMapping, schema: str) -> RowSecurity:
    return RowSecurity(**row, schema=schema)


def _policy(row: RowMapping, schema: str) -> Policy:
    return Policy(**_with_tuples(dict(row)), schema=schema)


def _view(row: RowMapping, schema: str) -> View:
    options = dict(option.split("=", 1) for option in row["options"])
    is_invoker = options.pop("security_invoker", "false") in _TRUE
    written = tuple(f"{name}={value}" for name, value in options.items())
    return View(row["name"], row["query"], security_invoker=is_invoker, schema=schema, options=written)


def _comment(row: RowMapping, schema: str) -> Comment:
    return Comment(**row, schema=schema)


def _grant(row: RowMapping, schema: str) -> Grant:
    return Grant(**_with_tuples(dict(row)), schema=schema)


def _with_tuples(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


_MAKERS: Mapping[str, Callable[[RowMapping, str], DatabaseObject]] = {
    "roles": _role,
    "schemas": _schema,
    "extensions": _extension,
    "sequences": _sequence,
    "enums": _enum,
    "domains": _domain,
    "functions": _function,
    "views": _view,
    "triggers": _trigger,
    "hash_partitions": _hash_partitions,
    "row_security": _row_security,
    "policies": _policy,
    "grants": _grant,
    "comments": _comment,
}

# The kinds that can be read alone, by their statement.
_KINDS = {"functions": Function.noun, "views": View.noun, "triggers": Trigger.noun, "policies": Policy.noun}
