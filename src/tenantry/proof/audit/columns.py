"""Columns: name, type, nullability and default, and of the tenant column all that isolation rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import Column, Table, literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.elements import ClauseElement

from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import Key, Row, Snapshot
from tenantry.sql import identifier, qualified
from tenantry.tenancy.declarations import Kind
from tenantry.tenancy.sequences import is_serial, serial_columns

__all__ = ["check_columns"]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

# The first words of SQLAlchemy's names where `format_type` uses others.
_SPELLINGS = (
    (r"^varchar\b", "character varying"),
    (r"^char\b", "character"),
    (r"^decimal\b", "numeric"),
    (r"^(float|double precision)(\(\d+\))?", "double precision"),
    (r"^time(stamp)?(\(\d+\))?$", r"\g<0> without time zone"),
    (r"^timestamptz\b", "timestamp with time zone"),
    (r"^bool\b", "boolean"),
    (r"^int\b", "integer"),
)


def check_columns(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the columns of the declared tables that are missing, other than declared, or undeclared."""
    for key, (table, declaration) in snapshot.tables.items():
        if key not in snapshot.relations:
            continue
        found = snapshot.rows("columns", key)
        for column in table.columns:
            thing = f"column {'.'.join((*key, column.name))}"
            row = found.get(column.name)
            is_tenant = column.name == declaration.tenant_column
            if row is None:
                yield draft("column_missing", thing, "The column is declared, and does not exist.", _addition(column))
                continue
            yield from _type(column, row, thing, is_tenant=is_tenant and declaration.kind.is_isolated)
            yield from _nullability(column, row, thing, is_tenant=is_tenant)
            needs_default = is_tenant and declaration.kind is Kind.TENANT_SCOPED
            yield from _default(column, row, thing, snapshot, is_tenant=needs_default)
        for name in found.keys() - {column.name for column in table.columns}:
            remedy = f"ALTER TABLE {qualified(*key)} DROP COLUMN {identifier(name)}"
            thing = f"column {'.'.join((*key, name))}"
            yield draft("column_undeclared", thing, "No model declares the column.", remedy)


def _type(column: Column[object], row: Row, thing: str, *, is_tenant: bool) -> Iterator[Draft]:
    if is_tenant and not row["is_deterministic"]:
        message = "The tenant column's collation is nondeterministic: tenants that differ in case or accents are one."
        alter = f'{_alter(column)} TYPE {type_name(column)} COLLATE "C"'
        remedy = f"In a migration: drop the policies that name the column, {alter}, and create them again."
        yield draft("tenant_collation", thing, message, remedy)
    wanted = type_name(column)
    there = row["type"].removeprefix("public.")
    if wanted != there:
        remedy = f"{_alter(column)} TYPE {wanted}"
        severity: Severity = "error" if is_tenant else "warning"
        yield draft("column_type", thing, f"The column is {there}, and declared {wanted}.", remedy, severity=severity)


def _nullability(column: Column[object], row: Row, thing: str, *, is_tenant: bool) -> Iterator[Draft]:
    if row["is_not_null"] == (not column.nullable):
        return
    if column.nullable:
        message = "The column refuses NULL, which the models allow."
        yield draft("column_nullability", thing, message, f"{_alter(column)} DROP NOT NULL")
    else:
        why = ": a row without a tenant belongs to nobody" if is_tenant else ", which the models do not"
        severity: Severity = "error" if is_tenant else "warning"
        message = f"The column allows NULL{why}."
        yield draft("column_nullability", thing, message, f"{_alter(column)} SET NOT NULL", severity=severity)


def _default(column: Column[object], row: Row, thing: str, snapshot: Snapshot, *, is_tenant: bool) -> Iterator[Draft]:
    if row["is_generated"] or column.computed is not None or column.identity is not None:
        return
    declared, found = default_text(column), row["default"]
    if is_serial(column) and (found is None or "nextval(" not in found):
        yield from _serial(column, thing, snapshot)
        return
    if declared is None and found is not None and "nextval(" in found:
        # A serial column: SQLAlchemy writes no default for it, the server does.
        return
    if declared is None or found is None:
        same = declared is found
    else:
        same = snapshot.comparison.is_same(_key(column), declared, found, cast=row["type"])
    if same:
        return
    severity: Severity = "error" if is_tenant else "warning"
    message = f"The default is {found or 'not there'}, and declared {declared or 'to be none'}."
    remedy = f"{_alter(column)} SET DEFAULT {declared}" if declared else f"{_alter(column)} DROP DEFAULT"
    yield draft("column_default", thing, message, remedy, severity=severity)


def _serial(column: Column[object], thing: str, snapshot: Snapshot) -> Iterator[Draft]:
    """Yield that a column which SQLAlchemy takes for serial draws from no sequence: it sends no value for it."""
    serial = serial_columns(snapshot.service.metadata).get((*_key(column), column.name))
    if serial is not None:
        message = "The column is declared to number its rows, and its default draws from no sequence."
        made, *rest = serial.create()
        # Its table's owner must own it, whoever runs this.
        owner = identifier(snapshot.service.roles.owner)
        own = f"ALTER SEQUENCE {qualified(serial.schema, serial.sequence)} OWNER TO {owner}"
        yield draft("column_default", thing, message, made, own, *rest, severity="error")


def default_text(column: Column[object]) -> str | None:
    """Return the declared server default as SQL, None where there is none."""
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    expression = default.arg
    if isinstance(expression, str):
        expression = literal(expression)
    assert isinstance(expression, ClauseElement)
    return str(expression.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def type_name(column: Column[object]) -> str:
    """Return the declared type as `format_type` spells it."""
    name = column.type.compile(_DIALECT).lower().replace(", ", ",")
    for pattern, spelling in _SPELLINGS:
        name = re.sub(pattern, spelling, name)
    return name


def _key(column: Column[object]) -> Key:
    table = column.table
    assert isinstance(table, Table)
    return table.schema or "public", table.name


def _alter(column: Column[object]) -> str:
    return f"ALTER TABLE {qualified(*_key(column))} ALTER COLUMN {identifier(column.name)}"


def _addition(column: Column[object]) -> str:
    default = default_text(column)
    clauses = [
        f"ALTER TABLE {qualified(*_key(column))} ADD COLUMN {identifier(column.name)} {type_name(column)}",
        f"DEFAULT {default}" if default else "",
        "" if column.nullable else "NOT NULL",
    ]
    return " ".join(filter(None, clauses))
