"""Indexes: the declared ones are there and valid, one leads with the tenant, and no unique key spans tenants."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Index, Table, UnaryExpression
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Key, Row, Snapshot
from tenantry.sql import qualified
from tenantry.tenancy.declarations import Declaration

__all__ = ["check_indexes", "name_of"]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def check_indexes(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the indexes that are missing, unusable, or other than declared."""
    for key, (table, declaration) in snapshot.tables.items():
        if key not in snapshot.relations:
            continue
        found = snapshot.rows("indexes", key)
        for index in table.indexes:
            yield from _declared(index, key, found, snapshot)
        for row in found.values():
            if not row["is_valid"]:
                message = "The index is invalid: a build was interrupted. The planner does not use it."
                remedy = f"REINDEX INDEX CONCURRENTLY {qualified(key[0], row['name'])}"
                yield draft("index_invalid", f"index {key[0]}.{row['name']}", message, remedy)
        yield from _tenant_keys(table, declaration, key, found)


def _declared(index: Index, key: Key, found: dict[str, Row], snapshot: Snapshot) -> Iterator[Draft]:
    name = name_of(index)
    thing = f"index {key[0]}.{name}"
    row = found.get(name)
    if row is None:
        yield draft(
            "index_missing", thing, f"The index on {'.'.join(key)} is declared, and does not exist.", _creation(index)
        )
        return
    # An expression has no column's name; the catalog's '' stands for it.
    columns = [_column_name(item) for item in index.expressions]
    where = index.dialect_options["postgresql"].get("where")
    declared = None if where is None else str(where.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    method = index.dialect_options["postgresql"].get("using") or "btree"
    same_predicate = (declared is None) == (row["predicate"] is None) and (
        declared is None or snapshot.comparison.is_same(key, declared, row["predicate"])
    )
    pairs = ((columns, row["columns"]), (bool(index.unique), row["is_unique"]), (method.lower(), row["method"]))
    if not same_predicate or any(wanted != there for wanted, there in pairs):
        message = f"The index is not as declared: {row['definition']}."
        yield draft("index_altered", thing, message, f"DROP INDEX {qualified(key[0], name)}", _creation(index))


def _creation(index: Index) -> str:
    return str(CreateIndex(index).compile(dialect=_DIALECT)).strip()


def _tenant_keys(table: Table, declaration: Declaration, key: Key, found: dict[str, Row]) -> Iterator[Draft]:
    tenant = declaration.tenant_column
    if not declaration.kind.is_isolated or tenant is None:
        return
    thing = f"table {'.'.join(key)}"
    usable = [row for row in found.values() if row["is_valid"] and row["predicate"] is None]
    if not any(row["columns"][:1] == [tenant] for row in usable):
        message = f"No usable index leads with {tenant}, by which every statement of a tenant filters."
        created = f"CREATE INDEX CONCURRENTLY ON {qualified(*key)} ({tenant})"
        yield draft("tenant_index_missing", thing, message, created)
    declared = {name_of(index) for index in table.indexes}
    for row in found.values():
        # Constraints are compared by themselves.
        if row["is_unique"] and not row["is_constraint"] and row["name"] not in declared:
            if tenant in row["columns"]:
                continue
            message = f"Nobody declares this unique key across tenants on {'.'.join(key)}: it tells of hidden rows."
            dropped = f"DROP INDEX {qualified(key[0], row['name'])}"
            yield draft("unique_undeclared", f"index {key[0]}.{row['name']}", message, dropped)


def _column_name(item: object) -> str:
    """Return the column of an index's part, also of `column.desc()`; '' for an expression."""
    while isinstance(item, UnaryExpression):
        item = item.element
    return item.name if isinstance(item, Column) else ""


def name_of(item: Index) -> str:
    """Return the name that the index has in the database, cut where PostgreSQL would cut it."""
    return str(_DIALECT.identifier_preparer.format_index(item)).strip('"')
