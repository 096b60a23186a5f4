"""What Alembic's implementation for PostgreSQL cannot reflect, for the comparison with the models."""

from __future__ import annotations

from typing import Any, cast

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Connection, Integer, Table
from sqlalchemy.engine.reflection import Inspector

from tenantry.postgres.catalog import read_draws
from tenantry.tenancy.sequences import DEFAULT_SCHEMA, ColumnKey

__all__ = ["CatalogImpl"]


class CatalogImpl(PostgresqlImpl):
    """Alembic's implementation, which finds the sequence of a serial column in the catalog.

    Alembic reads its name from the text of the default, and fails if a name contains an apostrophe.
    """

    # Alembic chooses the implementation that is registered last for the dialect.
    __dialect__ = "postgresql"

    def autogen_column_reflect(self, inspector: Inspector, table: Table, column_info: dict[str, Any]) -> None:
        """Remove the default of a serial column, which a model does not declare."""
        default = column_info.get("default")
        if default and default.startswith("nextval(") and isinstance(column_info["type"], Integer):
            drawn = _draws(inspector, table.schema or DEFAULT_SCHEMA)
            found = drawn.get((table.schema or DEFAULT_SCHEMA, table.name, column_info["name"]))
            if found is not None and found.is_owned:
                del column_info["default"]


def _draws(inspector: Inspector, schema: str) -> dict[ColumnKey, Any]:
    """Return the sequences of a schema's columns, read once for each inspector."""
    cache: dict[Any, Any] = inspector.info_cache
    if (key := (__name__, schema)) not in cache:
        cache[key] = read_draws(cast("Connection", inspector.bind), schema)
    return cast("dict[ColumnKey, Any]", cache[key])
