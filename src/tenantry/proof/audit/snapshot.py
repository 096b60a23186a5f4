"""One consistent look at a database: everything that the checks of an audit ask about, read before any of them runs.

The checks are functions of a snapshot, so that each can be read, and tested, without knowing how the catalog is asked.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table

from tenantry.postgres.catalog import read_objects
from tenantry.postgres.objects import DatabaseObject
from tenantry.postgres.statements import load_statements
from tenantry.service import Service
from tenantry.tenancy.declarations import Declaration, declaration_of, tenancy_of
from tenantry.tenancy.partitions import partition_tables

__all__ = ["Key", "Row", "Snapshot", "key_of", "read_snapshot"]

_STATEMENTS = load_statements(__package__ or "", "snapshot.sql")

# A row of the catalog, by the names that the statement gives its columns.
Row: TypeAlias = dict[str, Any]
# Schema and table.
Key: TypeAlias = tuple[str, str]

DEFAULT_SCHEMA = "public"


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """What a database holds, beside the service that it should serve.

    `objects` are those of the declared schemas; `by_table` maps a statement's name to its rows by table.
    """

    service: Service
    connection: Connection
    version: int
    objects: frozenset[DatabaseObject]
    relations: dict[Key, Row]
    roles: dict[str, Row]
    schemas: tuple[Row, ...]
    presets: tuple[Row, ...]
    default_privileges: tuple[Row, ...]
    by_table: dict[str, dict[Key, tuple[Row, ...]]]

    @property
    def tables(self) -> dict[Key, tuple[Table, Declaration]]:
        """The declared tables, by schema and name."""
        return {key_of(table): (table, declaration_of(table)) for table in self.service.metadata.sorted_tables}

    def is_declared(self, schema: str, table: str) -> bool:
        """Return whether a model declares the table, or one of whose partitions it is."""
        key = (schema, table)
        return key in self.tables or key in partition_tables(self.service.metadata)

    def rows(self, kind: str, key: Key) -> dict[str, Row]:
        """Return what a table has of a kind (columns, indexes, constraints, rules), by name."""
        return {row["name"]: row for row in self.by_table[kind].get(key, ())}


def key_of(table: Table) -> Key:
    """Return where a declared table stands."""
    return table.schema or DEFAULT_SCHEMA, table.name


def read_snapshot(connection: Connection, service: Service) -> Snapshot:
    """Read the catalog; the connection is in a transaction, which this makes READ ONLY."""
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    schemas = sorted({DEFAULT_SCHEMA, *(table.schema or DEFAULT_SCHEMA for table in service.metadata.sorted_tables)})
    names = [service.roles.owner, service.roles.application, service.roles.admin]

    def read(name: str, *parameters: Any) -> tuple[Row, ...]:
        found = connection.exec_driver_sql(_STATEMENTS[name], parameters)
        return tuple(dict(row) for row in found.mappings())

    return Snapshot(
        service=service,
        connection=connection,
        version=int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()),
        objects=frozenset().union(*(read_objects(connection, schema) for schema in schemas)),
        relations={(row["schema"], row["name"]): row for row in read("relations", service.roles.application)},
        roles={row["name"]: row for row in read("roles", names)},
        schemas=read("schemas", schemas, names),
        presets=read("presets", tenancy_of(service.metadata).setting),
        default_privileges=read("default_privileges", service.roles.application),
        by_table={kind: _by_table(read(kind, schemas)) for kind in ("columns", "indexes", "constraints", "rules")},
    )


def _by_table(rows: tuple[Row, ...]) -> dict[Key, tuple[Row, ...]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault((row["schema"], row["table"]), []).append(row)
    return {key: tuple(items) for key, items in found.items()}
