"""Columns: name, type, nullability and default of each, and of the tenant column all that isolation depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Column

from tenantry.proof.audit.declared import add_column, alter_column, default_text, table_key, type_name
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier, qualified
from tenantry.tenancy.declarations import Kind
from tenantry.tenancy.sequences import is_serial, serial_columns


class _Pair(NamedTuple):
    """A declared column, its row of the catalog (None if it does not exist), and its table's kind."""

    column: Column[object]
    row: Row | None
    is_tenant: bool
    kind: Kind

    @property
    def object(self) -> str:
        return f"column {'.'.join((*table_key(self.column), self.column.name))}"


@rule(
    "TN402",
    "error",
    reason="Requests that need the column fail. Without the tenant column rows cannot be isolated.",
    remedy="Run `tenantry migrate`.",
)
def column_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared column exists."""
    for pair in _pairs(snapshot):
        if pair.row is None:
            yield violation(pair.object, "The column is declared and does not exist.", add_column(pair.column))


@rule(
    "TN403",
    "warning",
    reason="A tenant column that allows NULL, which is an error, accepts rows that belong to no tenant.",
    remedy="Set or drop NOT NULL.",
)
def column_nullability(snapshot: Snapshot) -> Iterator[Violation]:
    """A column allows NULL if it is declared so, and only then."""
    for pair, row in _existing(snapshot):
        column = pair.column
        if row["is_not_null"] == (not column.nullable):
            continue
        if column.nullable:
            message = "The column refuses NULL, which the models allow."
            yield violation(pair.object, message, f"{alter_column(column)} DROP NOT NULL")
        else:
            why = ": a row with NULL belongs to no tenant" if pair.is_tenant else ", which the models do not allow"
            severity: Severity = "error" if pair.is_tenant else "warning"
            remedy = f"{alter_column(column)} SET NOT NULL"
            yield violation(pair.object, f"The column allows NULL{why}.", remedy, severity=severity)


@rule(
    "TN404",
    "warning",
    reason="Without the default of the tenant column, which is an error, every INSERT has to set it; another default "
    "gives rows to the wrong tenant.",
    remedy="Set the declared default.",
)
def column_default(snapshot: Snapshot) -> Iterator[Violation]:
    """A column's default is the declared one."""
    for pair, row in _existing(snapshot):
        column = pair.column
        if row["is_generated"] or column.computed is not None or column.identity is not None:
            continue
        declared, found = default_text(column), row["default"]
        draws = found is not None and "nextval(" in found
        if is_serial(column) and not draws:
            yield from _without_sequence(pair, snapshot)
        # SQLAlchemy declares no default for a serial column; the server has one.
        elif not (declared is None and draws) and not _is_same_default(pair, declared, row, snapshot):
            severity: Severity = "error" if pair.is_tenant and pair.kind is Kind.TENANT_SCOPED else "warning"
            message = f"The default is {found or 'missing'}, and is declared {declared or 'as missing'}."
            clause = f"SET DEFAULT {declared}" if declared else "DROP DEFAULT"
            yield violation(pair.object, message, f"{alter_column(column)} {clause}", severity=severity)


@rule(
    "TN407",
    "warning",
    reason="The code does not know the column, so it neither reads nor protects its values.",
    remedy="Declare the column. Drop it only if its values may be lost.",
)
def column_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """Every column of a declared table is declared."""
    for key, (table, _) in snapshot.tables.items():
        if key not in snapshot.relations:
            continue
        for name in snapshot.rows("columns", key).keys() - {column.name for column in table.columns}:
            dropped = f"ALTER TABLE {qualified(*key)} DROP COLUMN {identifier(name)}"
            remedy = f"Declare the column in a model. If its values may be lost: {dropped}"
            yield violation(f"column {'.'.join((*key, name))}", "No model declares the column.", remedy)


@rule(
    "TN408",
    "warning",
    reason="Values are cut or refused. A comparison of the tenant column, for which this is an error, may not use its "
    "index.",
    remedy="Check that no value changes, and alter the type in a migration.",
)
def column_type(snapshot: Snapshot) -> Iterator[Violation]:
    """A column has the declared type."""
    for pair, row in _existing(snapshot):
        wanted, found = type_name(pair.column), row["type"].removeprefix("public.")
        if wanted != found:
            # The cast of an assignment rounds numbers and cuts times without an error.
            remedy = (
                f"If the part of a value that {wanted} cannot hold may be lost: "
                f"{alter_column(pair.column)} TYPE {wanted}"
            )
            severity: Severity = "error" if pair.is_tenant and pair.kind.is_isolated else "warning"
            message = f"The column has type {found}, and is declared {wanted}."
            yield violation(pair.object, message, remedy, severity=severity)


@rule(
    "TN422",
    "error",
    reason="With a nondeterministic collation `ACME` and `acme` can be equal, so the policies take them for one "
    "tenant.",
    remedy="Give the column a deterministic collation in a migration.",
)
def tenant_collation(snapshot: Snapshot) -> Iterator[Violation]:
    """The tenant column's collation is deterministic."""
    for pair, row in _existing(snapshot):
        if pair.is_tenant and pair.kind.is_isolated and not row["is_deterministic"]:
            message = (
                "The tenant column's collation is nondeterministic: tenants whose names differ only in case or accents "
                "are equal."
            )
            alter = f'{alter_column(pair.column)} TYPE {type_name(pair.column)} COLLATE "C"'
            remedy = f"In a migration: drop the policies that name the column, {alter}, and create them again."
            yield violation(pair.object, message, remedy)


def _pairs(snapshot: Snapshot) -> Iterator[_Pair]:
    for key, (table, declaration) in snapshot.tables.items():
        if key in snapshot.relations:
            found = snapshot.rows("columns", key)
            for column in table.columns:
                is_tenant = column.name == declaration.tenant_column
                yield _Pair(column, found.get(column.name), is_tenant, declaration.kind)


def _existing(snapshot: Snapshot) -> Iterator[tuple[_Pair, Row]]:
    for pair in _pairs(snapshot):
        if pair.row is not None:
            yield pair, pair.row


def _is_same_default(pair: _Pair, declared: str | None, row: Row, snapshot: Snapshot) -> bool:
    found = row["default"]
    if declared is None or found is None:
        return declared is found
    return snapshot.comparison.is_same(table_key(pair.column), declared, found, cast=row["type"])


def _without_sequence(pair: _Pair, snapshot: Snapshot) -> Iterator[Violation]:
    """Yield a column that SQLAlchemy takes for serial, so that it sends no value, and that draws from no sequence."""
    serial = serial_columns(snapshot.service.metadata).get((*table_key(pair.column), pair.column.name))
    if serial is not None:
        message = "The column is declared to number its rows, and its default draws from no sequence."
        made, *rest = serial.create()
        # The table's owner has to own the sequence, whatever role runs the statement.
        owner = identifier(snapshot.service.roles.owner)
        own = f"ALTER SEQUENCE {qualified(serial.schema, serial.sequence)} OWNER TO {owner}"
        yield violation(pair.object, message, made, own, *rest, severity="error")
