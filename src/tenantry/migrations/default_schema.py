"""Tables whose schema is written as `public` are compared as tables of the default schema.

Alembic reflects a reference to a table of the default schema without the schema. So it would find a difference in every
reference to a table that is declared with `{"schema": "public"}`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BLANK_SCHEMA, ForeignKeyConstraint, MetaData, Table

from tenantry.tenancy.sequences import DEFAULT_SCHEMA

__all__ = ["without_default_schema"]


def without_default_schema(metadata: MetaData) -> MetaData:
    """Return the metadata, or a copy in which no table's schema is written as `public`."""
    if all(table.schema != DEFAULT_SCHEMA for table in metadata.tables.values()):
        return metadata
    copied = MetaData(naming_convention=metadata.naming_convention, info=metadata.info)
    for table in metadata.tables.values():
        schema = None if table.schema == DEFAULT_SCHEMA else table.schema
        # SQLAlchemy's annotation leaves out None, which its documentation allows.
        table.to_metadata(copied, schema=schema, referred_schema_fn=_referred_schema)  # type: ignore[arg-type]
    return copied


def _referred_schema(_table: Table, _schema: str | None, _key: ForeignKeyConstraint, referred: str | None) -> Any:
    """Return the schema of a copied reference; None keeps the schema."""
    return BLANK_SCHEMA if referred == DEFAULT_SCHEMA else None
