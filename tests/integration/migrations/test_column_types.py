"""A revision that autogenerate wrote makes the columns that the models say, whatever their types are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import column_types
import full_schema
import pytest
import sqlalchemy as sa
from schema_lab import Lab, no_models
from sqlalchemy import Column, Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from tenantry import Address, Global, Service, errors
from tenantry.migrations.render import render_item

FORMATS = sa.text(
    "SELECT attname, format_type(atttypid, atttypmod), attndims, collname FROM pg_attribute "
    "LEFT JOIN pg_collation ON pg_collation.oid = attcollation "
    "WHERE attrelid = to_regclass('kinds') AND attnum > 0 ORDER BY attnum"
)
NAMED = sa.text(
    "SELECT t.typname, t.typtype::text, format_type(t.typbasetype, t.typtypmod), "
    "t.typnotnull, t.typdefault, t.typcollation, "
    "array(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder), "
    "array(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = t.oid ORDER BY 1) "
    "FROM pg_type AS t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e') ORDER BY 1"
)
CHECKS = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass('kinds') ORDER BY 1")


def said(connection: Connection) -> list[list[tuple[Any, ...]]]:
    """Return what the catalog says of the table and of the types that came with it."""
    return [[tuple(row) for row in connection.execute(query)] for query in (FORMATS, NAMED, CHECKS)]


class Kinds:
    """One table with a column of each type."""

    def __init__(self, types: dict[str, TypeEngine[Any]]) -> None:
        self.types = types

    def __call__(self, base: type[Any]) -> None:
        """Declare the table on a base class."""
        columns = {
            name: Column(name, kind, nullable=not getattr(kind, "not_null", False)) for name, kind in self.types.items()
        }
        fields = {"__tablename__": "kinds", "id": Column("the id", sa.Uuid(), primary_key=True), **columns}
        type("Kind", (Global, base), fields)


@pytest.fixture
async def lab(empty_database: Address, tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(empty_database, tmp_path)
    service = lab.service(no_models)
    await lab.build(service)
    yield lab
    await full_schema.drop_roles(empty_database, service)


async def service_of(lab: Lab) -> Service:
    """Return a service with all types that this server has."""
    there = await lab.available_extensions()
    extensions = tuple(name for name in column_types.EXTENSIONS if name in there)
    types = {**column_types.BUILT_IN, **column_types.DECORATED}
    for name in extensions:
        types |= column_types.EXTENSIONS[name]
    return lab.service(Kinds(types), extensions=extensions)


async def said_of(lab: Lab) -> list[list[tuple[Any, ...]]]:
    async with full_schema.session(lab.address) as connection:
        return await connection.run_sync(said)


async def test_what_is_written_makes_the_columns_that_create_all_makes(lab: Lab) -> None:
    """Type, length, precision, dimensions, collation, labels of enums, checks of domains; and no view differs."""
    service = await service_of(lab)
    async with full_schema.session(lab.address) as connection:
        for name in service.extensions:
            await connection.exec_driver_sql(f"CREATE EXTENSION {name}")
        await connection.run_sync(service.metadata.create_all)
        wanted = await connection.run_sync(said)
        await connection.rollback()
    await lab.migrate(service)
    assert await said_of(lab) == wanted


async def test_a_downgrade_makes_them_again_as_they_were(lab: Lab) -> None:
    """What the catalog has, when the model is gone."""
    service = await service_of(lab)
    await lab.migrate(service)
    wanted = await said_of(lab)
    empty = lab.service(no_models, extensions=service.extensions)
    revision = await lab.migrate(empty)
    assert await said_of(lab) != wanted
    await lab.run(revision.downgrade, empty)
    assert await said_of(lab) == wanted


@pytest.mark.parametrize("name", column_types.UNWRITTEN)
def test_what_cannot_be_written_is_refused(name: str) -> None:
    kind, why = column_types.UNWRITTEN[name]
    context: Any = SimpleNamespace(opts={}, imports=set())
    with pytest.raises(errors.MigrationError, match=why):
        render_item("type", kind, context)


def test_no_type_of_sqlalchemy_is_left_out() -> None:
    tried = {*map(type, column_types.BUILT_IN.values())}
    tried.update(type(kind) for types in column_types.EXTENSIONS.values() for kind in types.values())
    for module, without in (
        (sa, column_types.NO_COLUMN),
        (postgresql, column_types.NO_COLUMN | column_types.NO_COLUMN_OF_POSTGRESQL),
    ):
        kinds = {name: kind for name, kind in vars(module).items() if isinstance(kind, type)}
        left = {name for name, kind in kinds.items() if issubclass(kind, TypeEngine) and kind not in tried}
        assert left <= without
