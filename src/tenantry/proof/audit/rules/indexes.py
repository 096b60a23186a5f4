"""Indexes: the declared ones exist and are valid, and one leads with the tenant column."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Index

from tenantry.postgres.tables.compiling import index_name
from tenantry.postgres.tables.indexes import create_index, is_same_index
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Key, Row, Snapshot
from tenantry.sql import as_printed, qualified


@rule(
    "TN405",
    "error",
    reason="Every statement of a tenant reads the rows of all tenants, and its time reveals how many there are.",
    remedy="Create the index concurrently.",
)
def tenant_index_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """A usable index leads with the tenant column."""
    for key, (_, declaration) in snapshot.tables.items():
        tenant = declaration.tenant_column
        if key not in snapshot.relations or not declaration.kind.is_isolated or tenant is None:
            continue
        usable = (row for row in snapshot.rows("indexes", key).values() if row["is_valid"] and row["predicate"] is None)
        if not any(row["columns"][:1] == [tenant] for row in usable):
            message = f"No usable index leads with {tenant}, by which every statement of a tenant filters."
            remedy = f"CREATE INDEX CONCURRENTLY ON {qualified(*key)} ({as_printed(tenant)})"
            yield violation(f"table {'.'.join(key)}", message, remedy)


@rule(
    "TN409",
    "warning",
    reason="Statements are slow. A missing unique index also allows duplicate rows.",
    remedy="Create the index concurrently.",
)
def index_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared index exists."""
    for index, key, row in _declared(snapshot):
        if row is None:
            message = f"The index on {'.'.join(key)} is declared and does not exist."
            yield violation(f"index {key[0]}.{index_name(index)}", message, create_index(index))


@rule(
    "TN410",
    "error",
    reason="The planner does not use an invalid index, but every write maintains it. An invalid unique index does not "
    "prevent duplicates.",
    remedy="Reindex it concurrently.",
)
def index_invalid(snapshot: Snapshot) -> Iterator[Violation]:
    """Every index is valid; an interrupted build leaves an invalid one."""
    for key in snapshot.tables:
        for row in snapshot.rows("indexes", key).values() if key in snapshot.relations else ():
            if not row["is_valid"]:
                message = "The index is invalid, because its build was interrupted. The planner does not use it."
                remedy = f"REINDEX INDEX CONCURRENTLY {qualified(key[0], row['name'])}"
                yield violation(f"index {key[0]}.{row['name']}", message, remedy)


@rule(
    "TN411",
    "warning",
    reason="The index serves other statements than those that it was declared for.",
    remedy="Drop the index and create it as the models declare it.",
)
def index_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared index has the declared keys, options, predicate and method."""
    for index, key, row in _declared(snapshot):
        if row is not None and not is_same_index(index, row, snapshot.comparison):
            name = index_name(index)
            message = f"The index is not as declared: {row['definition']}."
            dropped = f"DROP INDEX {qualified(key[0], name)}"
            yield violation(f"index {key[0]}.{name}", message, dropped, create_index(index))


@rule(
    "TN445",
    "info",
    reason="Every write maintains the index, and the next revision drops it.",
    remedy="Declare the index, or drop it.",
)
def index_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """Every index of a declared table is declared."""
    for key, (table, declaration) in snapshot.tables.items():
        declared = {index_name(index) for index in table.indexes}
        for row in snapshot.rows("indexes", key).values() if key in snapshot.relations else ():
            spans = (
                row["is_unique"] and declaration.kind.is_isolated and declaration.tenant_column not in row["columns"]
            )
            # `unique_undeclared` reports a unique index across tenants.
            if not row["is_constraint"] and row["name"] not in declared and not spans:
                message = f"No model declares this index on {'.'.join(key)}: {row['definition']}."
                dropped = f"DROP INDEX {qualified(key[0], row['name'])}"
                yield violation(f"index {key[0]}.{row['name']}", message, dropped)


def _declared(snapshot: Snapshot) -> Iterator[tuple[Index, Key, Row | None]]:
    for key, (table, _) in snapshot.tables.items():
        if key in snapshot.relations:
            found = snapshot.rows("indexes", key)
            for index in table.indexes:
                yield index, key, found.get(index_name(index))
