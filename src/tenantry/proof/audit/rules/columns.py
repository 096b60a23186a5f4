"""Columns: name, type, nullability and default of each, and of the tenant column all that isolation depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Column

from tenantry.postgres.tables.columns import (
    Aspect,
    ColumnDifference,
    alter_column,
    column_differences,
    declared_identity,
    found_identity,
    identity_statements,
    type_sql,
)
from tenantry.postgres.tables.compiling import is_serial
from tenantry.proof.audit.declared import add_column, column_name, table_key
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier, literal, qualified
from tenantry.tenancy.declarations import Kind
from tenantry.tenancy.sequences import serial_columns


class _Pair(NamedTuple):
    """A declared column, its row of the catalog (None if it does not exist), and its table's kind."""

    column: Column[object]
    row: Row | None
    is_tenant: bool
    kind: Kind

    @property
    def object(self) -> str:
        return column_name(self.column)


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
    for pair, _, _ in _differing(snapshot, "nullable"):
        column = pair.column
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
        draws = row["default"] is not None and "nextval(" in row["default"]
        if is_serial(pair.column) and not row["is_generated"] and not draws:
            yield from _without_sequence(pair, snapshot)
    for pair, _, difference in _differing(snapshot, "default"):
        severity: Severity = "error" if pair.is_tenant and pair.kind is Kind.TENANT_SCOPED else "warning"
        declared, found = difference.declared, difference.found
        message = f"The default is {found or 'missing'}, and is declared {declared or 'as missing'}."
        clause = f"SET DEFAULT {declared}" if declared else "DROP DEFAULT"
        yield violation(pair.object, message, f"{alter_column(pair.column)} {clause}", severity=severity)


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
    for pair, _, difference in _differing(snapshot, "type"):
        wanted, found = difference.declared, difference.found
        # The cast of an assignment rounds numbers and cuts times without an error.
        remedy = (
            f"If the part of a value that {wanted} cannot hold may be lost: {alter_column(pair.column)} TYPE {wanted}"
        )
        severity: Severity = "error" if pair.is_tenant and pair.kind.is_isolated else "warning"
        message = f"The column has type {found}, and is declared {wanted}."
        yield violation(pair.object, message, remedy, severity=severity)


@rule(
    "TN440",
    "warning",
    reason="The column's value comes from another place than the code expects.",
    remedy="Run `tenantry revision`, which writes the change.",
)
def column_generation(snapshot: Snapshot) -> Iterator[Violation]:
    """A column is an identity column or a generated column if it is declared so, with the declared options."""
    for pair, row, difference in _differing(snapshot, "identity"):
        old, new = found_identity(row), declared_identity(pair.column)
        statements = identity_statements(table_key(pair.column), pair.column.name, old, new)
        yield violation(pair.object, _generation(difference), *statements)
    for pair, _, difference in _differing(snapshot, "computed"):
        # Its values follow from other columns, but views and indexes may depend on it.
        remedy = "Run `tenantry revision`, which drops the column and adds it again."
        yield violation(pair.object, _generation(difference), remedy)


@rule(
    "TN441",
    "info",
    reason="People read the comment, and it says something else than the models.",
    remedy="Set the declared comment.",
)
def column_comment(snapshot: Snapshot) -> Iterator[Violation]:
    """A column's comment is the declared one."""
    for pair, _, difference in _differing(snapshot, "comment"):
        message = f"The comment is {difference.found or 'missing'!r}, and is declared {difference.declared!r}."
        comment = "NULL" if difference.declared is None else literal(difference.declared)
        name = qualified(*table_key(pair.column), pair.column.name)
        yield violation(pair.object, message, f"COMMENT ON COLUMN {name} IS {comment}")


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
            alter = f'{alter_column(pair.column)} TYPE {type_sql(pair.column)} COLLATE "C"'
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


def _differing(snapshot: Snapshot, aspect: Aspect) -> Iterator[tuple[_Pair, Row, ColumnDifference]]:
    """Yield the columns that differ in this property, as migrations find them too."""
    for pair, row in _existing(snapshot):
        for difference in column_differences(pair.column, row, snapshot.comparison):
            if difference.aspect == aspect:
                yield pair, row, difference


def _generation(difference: ColumnDifference) -> str:
    found, declared = (each or "neither generated nor an identity" for each in (difference.found, difference.declared))
    return f"The column is {found}, and is declared {declared}."


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
