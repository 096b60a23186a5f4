"""Columns: where a column differs from its declaration, and the statements that change what Alembic cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import Column, Table
from sqlalchemy.schema import DefaultClause

from tenantry.postgres.sequences import Sequence
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import Key, as_sql, column_type, default_sql, is_serial, key_of
from tenantry.sql import identifier, literal, qualified

__all__ = [
    "Aspect",
    "ColumnDifference",
    "Row",
    "alter_column",
    "column_differences",
    "declared_identity",
    "found_identity",
    "found_type",
    "identity_statements",
    "type_sql",
]

# A row of the catalog, by the names that the statement gives its columns.
Row = Mapping[str, Any]

Aspect = Literal["type", "nullable", "default", "computed", "identity", "comment"]


class ColumnDifference(NamedTuple):
    """One property of a column that differs, with the SQL of both sides; None if a side has no such property."""

    aspect: Aspect
    declared: str | None
    found: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """How an identity column gets its numbers; the sequence's own name belongs to the server."""

    is_always: bool
    sequence: Sequence

    @property
    def generated(self) -> str:
        return f"GENERATED {'ALWAYS' if self.is_always else 'BY DEFAULT'}"

    def __str__(self) -> str:
        return f"{self.generated} AS IDENTITY ({' '.join(self.sequence.options())})"


def column_differences(column: Column[Any], row: Row, comparison: Comparison) -> Iterator[ColumnDifference]:
    """Yield the properties that differ; the comparison must be settled, see there."""
    if not _is_same_type(column, row, comparison):
        yield ColumnDifference("type", type_sql(column), found_type(row))
    identity, found = declared_identity(column), found_identity(row)
    is_not_null = not column.nullable or identity is not None
    if is_not_null != row["is_not_null"]:
        yield ColumnDifference("nullable", *("NOT NULL" if one else "NULL" for one in (is_not_null, not is_not_null)))
    if identity != found:
        yield ColumnDifference("identity", *(None if one is None else str(one) for one in (identity, found)))
    if not _is_same_computed(column, row, comparison):
        yield ColumnDifference("computed", _declared_computed(column), _found_computed(row))
    elif not row["generated"] and not _is_same_default(column, row, comparison):
        yield ColumnDifference("default", default_sql(column), row["default"])
    if (column.comment or None) != row["comment"]:
        yield ColumnDifference("comment", column.comment or None, row["comment"])


def type_sql(column: Column[Any]) -> str:
    """Return the declared type with its collation."""
    declared = column_type(column.type)
    return f"{declared.sql} COLLATE {declared.collation}" if declared.collation else declared.sql


def found_type(row: Row) -> str:
    """Return the found type with its collation, and with the dimensions of an array."""
    name = row["type"] + "[]" * (row["dimensions"] - 1)
    collation = qualified(row["collation_schema"], row["collation"])
    return f"{name} COLLATE {collation}" if collation else name


def alter_column(column: Column[Any]) -> str:
    """Return the beginning of a statement that alters the column."""
    return _alter(_table_key(column), column.name)


def declared_identity(column: Column[Any]) -> Identity | None:
    """Return the declared identity with all of its options, None if the column is no identity column."""
    given = column.identity
    if given is None:
        return None
    size = column_type(column.type).sql.lower()
    options = {
        "start": given.start,
        "increment": given.increment,
        "minimum": given.minvalue,
        "maximum": given.maxvalue,
        "cache": given.cache,
        "cycle": given.cycle,
    }
    data_type = size if size in {"smallint", "bigint"} else "integer"
    options = {name: value for name, value in options.items() if value is not None}
    return Identity(bool(given.always), Sequence("", data_type=data_type, **options))  # type: ignore[arg-type]


def found_identity(row: Row) -> Identity | None:
    """Return the identity in the catalog."""
    if not row["identity"]:
        return None
    options = {name: row[name] for name in ("start", "increment", "minimum", "maximum", "cache", "cycle")}
    return Identity(row["identity"] == "a", Sequence("", data_type=row["sequence_type"], **options))


def identity_statements(key: Key, column: str, old: Identity | None, new: Identity | None) -> Iterator[str]:
    """Yield the statements that change the identity of a column, which must be NOT NULL."""
    alter = _alter(key, column)
    if new is None:
        yield f"{alter} DROP IDENTITY"
    elif old is not None:
        yield f"{alter} SET {new.generated} {' '.join(f'SET {option}' for option in new.sequence.options())}"
    else:
        yield f"{alter} ADD {new}"
        if new.sequence.increment > 0:
            # Existing rows have numbers, which the sequence must not give again.
            table, name = literal(qualified(*key)), identifier(column)
            yield (
                f"SELECT setval(pg_get_serial_sequence({table}, {literal(column)}), highest + 1, false) "  # noqa: S608
                f"FROM (SELECT max({name}) AS highest FROM {qualified(*key)}) AS numbers "
                f"WHERE highest >= {new.sequence.start}"
            )


def _alter(key: Key, column: str) -> str:
    return f"ALTER TABLE {qualified(*key)} ALTER COLUMN {identifier(column)}"


def _table_key(column: Column[Any]) -> Key:
    assert isinstance(column.table, Table)
    return key_of(column.table)


def _is_same_type(column: Column[Any], row: Row, comparison: Comparison) -> bool:
    declared = column_type(column.type)
    collation = declared.collation.rpartition(".")[2].strip('"')
    return (
        ("" if collation == "default" else collation) == (row["collation"] or "")
        # The server keeps the number of dimensions, but a value may have another one.
        and declared.dimensions in {0, max(row["dimensions"], 1)}
        and comparison.is_same_type(declared.sql, row["type"])
    )


def _is_same_default(column: Column[Any], row: Row, comparison: Comparison) -> bool:
    if is_serial(column) or column.identity is not None:
        return True
    if column.server_default is not None and not isinstance(column.server_default, DefaultClause):
        # `FetchedValue()` does not say what the server does.
        return True
    declared, found = default_sql(column), row["default"]
    if declared is None or found is None:
        return declared is found
    return comparison.is_same(_table_key(column), declared, found, cast=row["type"])


def _is_same_computed(column: Column[Any], row: Row, comparison: Comparison) -> bool:
    if column.computed is None or not row["generated"]:
        return column.computed is None and not row["generated"]
    # Without `persisted`, the server's version decides.
    stored = {True: "s", False: "v", None: row["generated"]}[column.computed.persisted]
    if stored != row["generated"]:
        return False
    key = _table_key(column)
    return comparison.is_same(key, as_sql(column.computed.sqltext), row["default"], cast=row["type"])


def _declared_computed(column: Column[Any]) -> str | None:
    if column.computed is None:
        return None
    stored = {True: " STORED", False: " VIRTUAL", None: ""}[column.computed.persisted]
    return f"GENERATED ALWAYS AS ({as_sql(column.computed.sqltext)}){stored}"


def _found_computed(row: Row) -> str | None:
    if not row["generated"]:
        return None
    return f"GENERATED ALWAYS AS ({row['default']}) {'STORED' if row['generated'] == 's' else 'VIRTUAL'}"
