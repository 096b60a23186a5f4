"""A fingerprint of the models, which tells a changed model from a changed database.

A migration that reaches the newest revision records it. If the database differs from the models later, and the models
still have this fingerprint, somebody changed the database by hand. Else a model was changed without a revision.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex, CreateTable

from tenantry.postgres.statements import load_statements
from tenantry.service import Service

__all__ = ["MODELS", "fingerprint", "fingerprint_if_covered"]

# The key beside the checksums. `@` cannot be in the id of a revision.
MODELS = "@models"
DIGITS = 16
DEFAULT_SCHEMA = "public"

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
_COLUMNS = load_statements("tenantry.migrations", "version_table.sql")["columns"]


def fingerprint(service: Service) -> str:
    """Return the fingerprint of the models and of the other declared objects."""
    tables = [_write(table) for _, table in sorted(service.metadata.tables.items())]
    objects = [repr(item) for item in sorted(service.declared_objects())]
    return hashlib.sha256("\n".join([*tables, *objects]).encode()).hexdigest()[:DIGITS]


def fingerprint_if_covered(connection: Connection, service: Service) -> str:
    """Return the fingerprint, or '' if the revisions do not make the columns of the models.

    A model that was edited between its revision and the migration would otherwise seem to be a changed database.
    """
    schemas = sorted({table.schema or DEFAULT_SCHEMA for table in service.metadata.tables.values()})
    found: dict[tuple[str, str], set[str]] = {}
    for schema, table, column in connection.exec_driver_sql(_COLUMNS, (schemas,)):
        found.setdefault((schema, table), set()).add(column)
    return fingerprint(service) if _is_covered(service.metadata, found) else ""


def _is_covered(metadata: MetaData, found: dict[tuple[str, str], set[str]]) -> bool:
    return all(
        found.get((table.schema or DEFAULT_SCHEMA, table.name)) == {column.name for column in table.columns}
        for table in metadata.tables.values()
    )


def _write(table: Table) -> str:
    try:
        indexes = sorted(str(CreateIndex(index).compile(dialect=_DIALECT)) for index in table.indexes)
        return "\n".join([str(CreateTable(table).compile(dialect=_DIALECT)), *indexes])
    except CompileError:
        # A type without SQL; its repr changes with it.
        return repr(table)
