"""A consistent snapshot of a database: the audit reads all that its checks need before the first of them runs.

A check is a function of a snapshot, so a reader or a test of a check needs no knowledge of the catalog.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sqlalchemy import Connection, Table

from tenantry.postgres.catalog import DrawnSequence, read_created_schemas
from tenantry.postgres.objects import DatabaseObject
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import DEFAULT_SCHEMA, Key, key_of
from tenantry.proof.audit.catalog_statements import Row, read_facts
from tenantry.proof.audit.dangerous import DANGEROUS_SETTINGS, LEAKING_FUNCTIONS
from tenantry.proof.audit.revision import VERSION_TABLE, Revisions, read_revisions
from tenantry.service import Service
from tenantry.tenancy.declarations import Declaration, declaration_of
from tenantry.tenancy.declared_and_found import read_sides
from tenantry.tenancy.partitions import partition_tables
from tenantry.tenancy.sequences import ColumnKey

__all__ = ["DEFAULT_SCHEMA", "VERSION_TABLE", "Key", "Row", "Snapshot", "key_of", "read_snapshot", "split_name"]


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of a database, with the service that it belongs to.

    Attributes:
        version: the server's `server_version_num`.
        tables: the declared tables, by schema and name.
        schemas: the schemas of the declared tables, and those that a migration created.
        partitions: the declared partitions of declared tables.
        declared: the other objects that the service declares.
        unknown: the own objects whose text the audit's role cannot compare with the server's.
        objects: the objects of the same kinds that the declared schemas have.
        draws: the sequence that each column's default draws from.
        facts: the rows of each statement of the audit, by the statement's name.
        unread: the names of the statements that the audit's role may not execute.
        revisions: the revision of the schema, found and expected.
        relations: tables, views and foreign tables of all schemas but the system's, by schema and name.
        roles: the service's roles that exist, and `login`, by name.
        comparison: compares two expressions by meaning.
        login: the role that the application logs in as, if it is known and not the application's own; else ''.
    """

    service: Service
    version: int
    tables: Mapping[Key, tuple[Table, Declaration]]
    schemas: frozenset[str]
    partitions: frozenset[Key]
    declared: frozenset[DatabaseObject]
    unknown: frozenset[DatabaseObject]
    objects: frozenset[DatabaseObject]
    draws: Mapping[ColumnKey, DrawnSequence]
    facts: Mapping[str, tuple[Row, ...]]
    unread: tuple[str, ...]
    revisions: Revisions
    relations: Mapping[Key, Row]
    roles: Mapping[str, Row]
    by_table: Mapping[str, Mapping[Key, tuple[Row, ...]]]
    comparison: Comparison
    login: str = ""

    def is_declared(self, schema: str, table: str) -> bool:
        """Return whether a model declares the table, or the table that it is a partition of."""
        return (schema, table) in self.tables or (schema, table) in self.partitions

    def is_isolated(self, key: Key) -> bool:
        """Return whether the table, or the table that it is a partition of, holds rows of tenants."""
        return key in self.partitions or (key in self.tables and self.tables[key][1].kind.is_isolated)

    def rows(self, kind: str, key: Key) -> dict[str, Row]:
        """Return the columns, indexes, constraints or rules (`kind`) of a table, by name."""
        return {row["name"]: row for row in self.by_table[kind].get(key, ())}


def split_name(name: str) -> Key:
    """Return the schema and the name of `schema.name`."""
    schema, _, table = name.partition(".")
    return schema, table


def read_snapshot(connection: Connection, service: Service, login: str = "") -> Snapshot:
    """Read the catalog in the connection's transaction, and make it READ ONLY."""
    tables = {key_of(table): (table, declaration_of(table)) for table in service.metadata.sorted_tables}
    if not service.objects:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    # Tables that the models no longer declare may be in a schema that a migration created.
    created = read_created_schemas(connection)
    schemas = sorted({DEFAULT_SCHEMA, *created, *(schema for schema, _ in tables)})
    sides = read_sides(connection, service.metadata, service.declared_objects(), schemas, service.objects)
    if service.objects:
        # Only now, because the server spells the team's own objects in a savepoint that is rolled back.
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    names = [service.roles.owner, service.roles.application, service.roles.admin]
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    known = {
        "application": service.roles.application,
        "names": [*names, *([login] if login else [])],
        "schemas": schemas,
        "leaking": sorted(LEAKING_FUNCTIONS),
        "settings": sorted(DANGEROUS_SETTINGS),
    }
    facts, unread = read_facts(connection, version, known)
    relations = {(row["schema"], row["name"]): row for row in facts["relations"]}
    unreadable = {key for key, row in relations.items() if not row["is_readable"]}
    return Snapshot(
        service=service,
        version=version,
        tables=tables,
        schemas=frozenset(schema for schema, _ in tables) | created,
        partitions=frozenset(partition_tables(service.metadata)),
        declared=sides.declared,
        unknown=sides.unknown,
        objects=sides.found,
        draws=sides.draws,
        facts=facts,
        unread=unread,
        revisions=read_revisions(connection, service, relations.get(VERSION_TABLE)),
        relations=relations,
        roles={row["name"]: row for row in facts["roles"]},
        by_table={kind: _by_table(facts[kind]) for kind in ("tables", "columns", "indexes", "constraints", "rules")},
        comparison=Comparison(connection, unreadable),
        login="" if login == service.roles.application else login,
    )


def _by_table(rows: tuple[Row, ...]) -> dict[Key, tuple[Row, ...]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault((row["schema"], row["table"]), []).append(row)
    return {key: tuple(items) for key, items in found.items()}
