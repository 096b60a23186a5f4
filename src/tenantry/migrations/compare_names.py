"""Added and dropped tables and columns, by name, in the form in which Alembic's own comparison writes them.

Alembic's comparison reflects each table, which takes several statements, and warns about each type that SQLAlchemy does
not know. The catalog has been read already.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from sqlalchemy import MetaData, Table

from tenantry.postgres.tables.compiling import DEFAULT_SCHEMA, Key, key_of
from tenantry.postgres.tables.found import FoundTables, found_table

__all__ = ["compare_names", "schema_of"]


def compare_names(context: AutogenContext, metadata: MetaData, found: FoundTables) -> Iterator[MigrateOperation]:
    """Yield the operations; `EnvironmentContext.configure(include_name=..., include_object=...)` applies."""
    declared = {key_of(table): table for table in metadata.sorted_tables}
    for key, table in declared.items():
        if context.run_object_filters(table, table.name, "table", False, None):  # Alembic's arguments
            if key not in found.tables:
                yield ops.CreateTableOp.from_table(table)
            elif columns := list(_columns(table, found)):
                yield ops.ModifyTableOps(table.name, columns, schema=table.schema)
    for key in sorted(found.tables.keys() - declared.keys()):
        if _is_compared(context, key):
            table = found_table(key, found)
            if context.run_object_filters(table, table.name, "table", True, None):
                yield ops.DropTableOp.from_table(table)


def schema_of(key: Key) -> str | None:
    """Return the schema as SQLAlchemy's tables have it: None for the default one."""
    return None if key[0] == DEFAULT_SCHEMA else key[0]


def _columns(table: Table, found: FoundTables) -> Iterator[MigrateOperation]:
    there = found.columns.get(key_of(table), {})
    declared = {column.name: column for column in table.columns}
    for name, column in declared.items():
        if name not in there:
            yield ops.AddColumnOp.from_column_and_tablename(table.schema, table.name, column)
    if there.keys() - declared.keys():
        catalog = found_table(key_of(table), found)
        for name in there:
            if name not in declared:
                yield ops.DropColumnOp.from_column_and_tablename(table.schema, table.name, catalog.columns[name])


def _is_compared(context: AutogenContext, key: Key) -> bool:
    migration = context.migration_context
    version_table = (migration.version_table_schema or DEFAULT_SCHEMA, migration.version_table)
    return key != version_table and context.run_name_filters(key[1], "table", {"schema_name": schema_of(key)})
