"""Constraints: primary and unique keys, checks and references, each by name and definition."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Constraint

from tenantry.postgres.tables.compiling import index_name
from tenantry.postgres.tables.constraints import ConstraintPair, add_constraint, match_constraints
from tenantry.proof.audit.foreign_keys import is_across
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Key, Row, Snapshot
from tenantry.sql import identifier, qualified


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
    for item, name, key, pair in _declared(snapshot):
        if pair.row is None:
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
    for item, name, key, pair in _declared(snapshot):
        if pair.row is not None and not pair.is_same:
            message = f"The constraint is not as declared: {pair.row['definition']}."
            yield violation(_object(key, name), message, _drop(key, name), add_constraint(item))


@rule(
    "TN415",
    "warning",
    reason="Rows from before the constraint, or all rows, may break it.",
    remedy="Validate the constraint.",
)
def constraint_unproven(snapshot: Snapshot) -> Iterator[Violation]:
    """Every constraint is validated and enforced."""
    for item, name, key, pair in _declared(snapshot):
        if pair.row is not None and not pair.row["is_proven"] and pair.is_same and not _is_unproven(item):
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


def _pairs(snapshot: Snapshot) -> Iterator[tuple[Key, ConstraintPair]]:
    for key, (table, _) in snapshot.tables.items():
        if key in snapshot.relations:
            rows, indexes = snapshot.rows("constraints", key), snapshot.rows("indexes", key)
            for pair in match_constraints(table, rows, indexes, snapshot.comparison):
                yield key, pair


def _declared(snapshot: Snapshot) -> Iterator[tuple[Constraint, str, Key, ConstraintPair]]:
    for key, pair in _pairs(snapshot):
        if pair.declared is not None:
            yield pair.declared, pair.name or "without a name", key, pair


def _undeclared(snapshot: Snapshot) -> Iterator[tuple[Row, Key]]:
    """Yield the undeclared constraints, without the references that `reference_across` reports."""
    rows = snapshot.facts["references"]
    across = {(row["schema"], row["table"], row["name"]) for row in rows if is_across(row, snapshot)}
    for key, pair in _pairs(snapshot):
        if pair.declared is None and pair.row is not None and (*key, pair.name) not in across:
            yield dict(pair.row), key


def _spans_tenants(row: Row, key: Key, snapshot: Snapshot) -> bool:
    _, declaration = snapshot.tables[key]
    tenant = declaration.tenant_column if declaration.kind.is_isolated else None
    # Rows of an exclusion constraint conflict across tenants unless it compares the tenants by `=`.
    compared = row["equal"] if row["kind"] == "x" else row["columns"]
    return tenant is not None and row["kind"] in {"p", "u", "x"} and tenant not in compared


def _is_unproven(item: Constraint) -> bool:
    """Return whether the constraint is declared NOT VALID."""
    return bool(item.dialect_kwargs.get("postgresql_not_valid"))


def _object(key: Key, name: str) -> str:
    return f"constraint {'.'.join((*key, name))}"


def _drop(key: Key, name: str) -> str:
    return f"ALTER TABLE {qualified(*key)} DROP CONSTRAINT {identifier(name)}"
