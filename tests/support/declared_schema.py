"""Create tables and all else that models declare, in the order of a migration."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry.postgres.objects import DatabaseObject


async def create_declared(connection: AsyncConnection, metadata: MetaData, objects: Iterable[DatabaseObject]) -> None:
    """Create types, sequences and schemas, then the tables, then what belongs to tables."""
    ordered = sorted(objects)
    await _create(connection, (item for item in ordered if item.is_before_tables))
    await connection.run_sync(metadata.create_all)
    await _create(connection, (item for item in ordered if not item.is_before_tables))


async def _create(connection: AsyncConnection, objects: Iterable[DatabaseObject]) -> None:
    for item in objects:
        for statement in item.create():
            await connection.exec_driver_sql(statement)
