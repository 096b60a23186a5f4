"""Constraints: primary and unique keys, checks and references, each by name and definition."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import CheckConstraint, Constraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from tenantry.proof.audit.declared import add_constraint, as_sql, constraint_name, index_name
from tenantry.proof.audit.foreign_keys import is_across
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Key, Row, Snapshot, key_of
from tenantry.sql import identifier, qualified
from tenantry.tenancy.referential_action import ReferentialAction, parse_action

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@rule(
    "TN412",
    "error",
    reason="The error of a duplicate key reveals a row that the tenant may not see.",
    remedy="Drop the key, or add the tenant column to it.",
)
def unique_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared unique key or exclusion constraint spans tenants."""
    for row, key in _undeclared(snapshot):
        if _spans_tenants(row, key, snapshot):
            message = f"No model declares {row['definition']}. A unique key across tenants reveals hidden rows."
            yield violation(_object(key, row["name"]), message, _drop(key, row["name"]))
    for key, (table, declaration) in snapshot.tables.items():
        tenant = declaration.tenant_column
        if key not in snapshot.relations or not declaration.kind.is_isolated or tenant is None:
            continue
        declared = {index_name(index) for index in table.indexes}
        for row in snapshot.rows("indexes", key).values():
            # The index of a constraint is reported as the constraint.
            is_free = row["is_unique"] and not row["is_constraint"] and row["name"] not in declared
            if is_free and tenant not in row["columns"]:
                message = (
                    f"No model declares this unique key across tenants on {'.'.join(key)}. It reveals hidden rows."
                )
                remedy = f"DROP INDEX {qualified(key[0], row['name'])}"
                yield violation(f"index {key[0]}.{row['name']}", message, remedy)


@rule(
    "TN413",
    "error",
    reason="The table accepts rows that the code expects to be impossible.",
    remedy="Add the constraint in a migration.",
)
def constraint_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared constraint exists."""
    for item, name, key, row in _declared(snapshot):
        if row is None:
            message = "The constraint is declared and does not exist."
            yield violation(_object(key, name), message, add_constraint(item))


@rule(
    "TN414",
    "error",
    reason="The table accepts rows that the code expects to be impossible.",
    remedy="Drop the constraint and add it as the models declare it.",
)
def constraint_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared constraint is as declared."""
    for item, name, key, row in _declared(snapshot):
        if row is not None and not _is_as_declared(item, key, row, snapshot):
            message = f"The constraint is not as declared: {row['definition']}."
            yield violation(_object(key, name), message, _drop(key, name), add_constraint(item))


@rule(
    "TN415",
    "warning",
    reason="Rows from before the constraint, or all rows, may break it.",
    remedy="Validate the constraint.",
)
def constraint_unproven(snapshot: Snapshot) -> Iterator[Violation]:
    """Every constraint is validated and enforced."""
    for item, name, key, row in _declared(snapshot):
        if row is not None and not row["is_proven"] and _is_as_declared(item, key, row, snapshot):
            message = "The constraint was never validated, or is not enforced: rows may break it."
            remedy = f"ALTER TABLE {qualified(*key)} VALIDATE CONSTRAINT {identifier(name)}"
            yield violation(_object(key, name), message, remedy)


@rule(
    "TN416",
    "warning",
    reason="The table refuses rows that the models allow.",
    remedy="Declare the constraint, or drop it.",
)
def constraint_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared constraint is on a declared table."""
    for row, key in _undeclared(snapshot):
        if not _spans_tenants(row, key, snapshot):
            message = f"No model declares {row['definition']}."
            yield violation(_object(key, row["name"]), message, _drop(key, row["name"]))


def _declared(snapshot: Snapshot) -> Iterator[tuple[Constraint, str, Key, Row | None]]:
    for key, (table, _) in snapshot.tables.items():
        if key in snapshot.relations:
            found = snapshot.rows("constraints", key)
            for item in table.constraints:
                if name := constraint_name(item):
                    yield item, name, key, found.get(name)


def _undeclared(snapshot: Snapshot) -> Iterator[tuple[Row, Key]]:
    """Yield the undeclared constraints, without the references that `reference_across` reports."""
    rows = snapshot.facts["references"]
    across = {(row["schema"], row["table"], row["name"]) for row in rows if is_across(row, snapshot)}
    for key, (table, _) in snapshot.tables.items():
        if key in snapshot.relations:
            declared = {constraint_name(item) for item in table.constraints}
            for name, row in snapshot.rows("constraints", key).items():
                if name not in declared and (*key, name) not in across:
                    yield row, key


def _spans_tenants(row: Row, key: Key, snapshot: Snapshot) -> bool:
    _, declaration = snapshot.tables[key]
    tenant = declaration.tenant_column if declaration.kind.is_isolated else None
    # Rows of an exclusion constraint conflict across tenants unless it compares the tenants by `=`.
    compared = row["equal"] if row["kind"] == "x" else row["columns"]
    return tenant is not None and row["kind"] in {"p", "u", "x"} and tenant not in compared


def _is_as_declared(item: Constraint, key: Key, row: Row, snapshot: Snapshot) -> bool:
    if isinstance(item, CheckConstraint):
        return row["kind"] == "c" and snapshot.comparison.is_same(key, as_sql(item.sqltext), row["expression"])
    if isinstance(item, PrimaryKeyConstraint | UniqueConstraint):
        kind = "p" if isinstance(item, PrimaryKeyConstraint) else "u"
        return (row["kind"], row["columns"]) == (kind, [column.name for column in item.columns])
    if isinstance(item, ForeignKeyConstraint):
        on_delete = ReferentialAction(_ACTIONS[row["on_delete"]], tuple(row["set_columns"]))
        actions = (parse_action(item.ondelete), parse_action(item.onupdate).verb)
        return (
            row["kind"] == "f"
            and row["columns"] == [element.parent.name for element in item.elements]
            and row["target"] == ".".join(key_of(item.referred_table))
            and row["target_columns"] == [element.column.name for element in item.elements]
            and (on_delete, _ACTIONS[row["on_update"]]) == actions
        )
    # Other constraints, such as EXCLUDE, are compared by their kind only.
    return not isinstance(item, ExcludeConstraint) or row["kind"] == "x"


def _object(key: Key, name: str) -> str:
    return f"constraint {'.'.join((*key, name))}"


def _drop(key: Key, name: str) -> str:
    return f"ALTER TABLE {qualified(*key)} DROP CONSTRAINT {identifier(name)}"
