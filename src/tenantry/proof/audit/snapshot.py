"""One consistent look at a database: everything that the checks of an audit ask about, read before any of them runs.

The checks are functions of a snapshot, so that each can be read, and tested, without knowing how the catalog is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import Connection, Table

from tenantry.postgres.catalog import DrawnSequence
from tenantry.postgres.objects import DatabaseObject
from tenantry.proof.audit.expressions import Comparison
from tenantry.proof.audit.facts import Row, read_facts
from tenantry.proof.audit.suspects import DANGEROUS_SETTINGS, LEAKING_FUNCTIONS
from tenantry.service import Service
from tenantry.tenancy.declarations import Declaration, declaration_of
from tenantry.tenancy.partitions import partition_tables
from tenantry.tenancy.sequences import ColumnKey
from tenantry.tenancy.sides import read_sides

__all__ = ["DEFAULT_SCHEMA", "Key", "Row", "Snapshot", "key_of", "read_snapshot"]

# Schema and table.
Key: TypeAlias = tuple[str, str]

DEFAULT_SCHEMA = "public"


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """What a database holds, beside the service that it should serve.

    Attributes:
        tables: the declared tables, by schema and name.
        declared: everything else that the service declares.
        objects: what there is of the same vocabulary in the declared schemas.
        draws: the sequence that each column's default draws from.
        facts: the rows of each statement of the audit, by its name.
        unread: the statements that the audit's role may not ask.
        login: the role that the application logs in as, where it is another and is known; else ''.
    """

    service: Service
    connection: Connection
    version: int
    tables: Mapping[Key, tuple[Table, Declaration]]
    partitions: frozenset[Key]
    declared: frozenset[DatabaseObject]
    objects: frozenset[DatabaseObject]
    draws: Mapping[ColumnKey, DrawnSequence]
    facts: Mapping[str, tuple[Row, ...]]
    unread: tuple[str, ...]
    relations: Mapping[Key, Row]
    roles: Mapping[str, Row]
    by_table: Mapping[str, Mapping[Key, tuple[Row, ...]]]
    comparison: Comparison
    login: str = ""

    def is_declared(self, schema: str, table: str) -> bool:
        """Return whether a model declares the table, or one of whose partitions it is."""
        return (schema, table) in self.tables or (schema, table) in self.partitions

    def is_isolated(self, key: Key) -> bool:
        """Return whether the table, or the one that it is a partition of, holds rows of tenants."""
        return key in self.partitions or (key in self.tables and self.tables[key][1].kind.is_isolated)

    def rows(self, kind: str, key: Key) -> dict[str, Row]:
        """Return what a table has of a kind (columns, indexes, constraints, rules), by name."""
        return {row["name"]: row for row in self.by_table[kind].get(key, ())}


def key_of(table: Table) -> Key:
    """Return where a declared table stands."""
    return table.schema or DEFAULT_SCHEMA, table.name


def read_snapshot(connection: Connection, service: Service, login: str = "") -> Snapshot:
    """Read the catalog; the connection is in a transaction, which this makes READ ONLY."""
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    tables = {key_of(table): (table, declaration_of(table)) for table in service.metadata.sorted_tables}
    schemas = sorted({DEFAULT_SCHEMA, *(schema for schema, _ in tables)})
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
    sides = read_sides(connection, service.metadata, service.declared_objects(), schemas)
    relations = {(row["schema"], row["name"]): row for row in facts["relations"]}
    unreadable = {key for key, row in relations.items() if not row["is_readable"]}
    return Snapshot(
        service=service,
        connection=connection,
        version=version,
        tables=tables,
        partitions=frozenset(partition_tables(service.metadata)),
        declared=sides.declared,
        objects=sides.found,
        draws=sides.draws,
        facts=facts,
        unread=unread,
        relations=relations,
        roles={row["name"]: row for row in facts["roles"]},
        by_table={kind: _by_table(facts[kind]) for kind in ("columns", "indexes", "constraints", "rules")},
        comparison=Comparison(connection, unreadable),
        login="" if login == service.roles.application else login,
    )


def _by_table(rows: tuple[Row, ...]) -> dict[Key, tuple[Row, ...]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault((row["schema"], row["table"]), []).append(row)
    return {key: tuple(items) for key, items in found.items()}
