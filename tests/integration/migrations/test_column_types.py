"""A revision that autogenerate wrote makes the columns that the models say, whatever their types are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import column_types
import full_schema
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.ops import OpContainer
from sqlalchemy import Column, Connection, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from tenantry import Address, errors
from tenantry.migrations.render import render_item

OPTIONS = {
    "compare_type": True,
    "render_item": render_item,
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "user_module_prefix": None,
}

# Reflection, on both sides of the comparison, knows neither `jsonpath` nor the types that a test brings.
pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type")

FORMATS = sa.text(
    "SELECT attname, format_type(atttypid, atttypmod), attndims, collname FROM pg_attribute "
    "LEFT JOIN pg_collation ON pg_collation.oid = attcollation "
    "WHERE attrelid = 'kinds'::regclass AND attnum > 0 ORDER BY attnum"
)
NAMED = sa.text(
    "SELECT t.typname, t.typtype::text, format_type(t.typbasetype, t.typtypmod), "
    "t.typnotnull, t.typdefault, t.typcollation, "
    "array(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder), "
    "array(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = t.oid ORDER BY 1) "
    "FROM pg_type AS t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e') ORDER BY 1"
)
CHECKS = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'kinds'::regclass ORDER BY 1")


@pytest.fixture
async def connection(empty_database: Address) -> AsyncIterator[AsyncConnection]:
    async with full_schema.session(empty_database) as connection:
        yield connection
        await connection.rollback()


def table_of(types: dict[str, TypeEngine[Any]]) -> MetaData:
    metadata = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    columns = [Column(name, kind, nullable=not getattr(kind, "not_null", False)) for name, kind in types.items()]
    Table("kinds", metadata, *columns)
    return metadata


def said(connection: Connection) -> list[list[tuple[Any, ...]]]:
    """Return what the catalog says of the table and of the types that came with it."""
    return [[tuple(row) for row in connection.execute(query)] for query in (FORMATS, NAMED, CHECKS)]


def run(connection: Connection, operations: OpContainer) -> None:
    """Write the operations as a revision has them, and run what was written."""
    context = AutogenContext(comparing(connection), opts={**OPTIONS})
    lines = [line for operation in operations.ops for line in render_op(context, operation)]
    text = "\n".join(["import sqlalchemy as sa", *sorted(context.imports), *lines])
    exec(text, {"op": Operations(comparing(connection))})  # noqa: S102  # a revision


def is_unknown(kind: TypeEngine[Any]) -> bool:
    return isinstance(getattr(kind, "item_type", kind), sa.types.NullType)


def comparing(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts=OPTIONS)


def clear(connection: Connection, named: str = "de") -> None:
    """Drop the table, and the domains and enums that came with it."""
    connection.execute(sa.text("DROP TABLE kinds"))
    for name, kind, *_ in connection.execute(NAMED).all():
        if kind in named:
            connection.exec_driver_sql(f'DROP TYPE "{name}" CASCADE')


async def types_of(connection: AsyncConnection) -> dict[str, TypeEngine[Any]]:
    """Return all types that this server has, with their extensions installed."""
    found = {**column_types.BUILT_IN, **column_types.DECORATED}
    for name, types in column_types.EXTENSIONS.items():
        known = await connection.exec_driver_sql(f"SELECT true FROM pg_available_extensions WHERE name = '{name}'")
        if known.first() is not None:
            await connection.exec_driver_sql(f"CREATE EXTENSION {name}")
            found.update(types)
    return found


async def test_what_is_written_makes_the_columns_that_create_all_makes(connection: AsyncConnection) -> None:
    """Type, length, precision, dimensions, collation, labels of enums, checks of domains; and check finds nothing."""
    types = await types_of(connection)
    metadata = table_of(types)

    def compare(database: Connection) -> None:
        metadata.create_all(database)
        wanted = said(database)
        clear(database)
        operations = produce_migrations(comparing(database), metadata).upgrade_ops
        assert operations is not None
        run(database, operations)
        assert said(database) == wanted
        found = [difference[3] for (difference,) in compare_metadata(comparing(database), metadata)]
        assert set(found) == column_types.ALWAYS_DIFFERENT

    await connection.run_sync(compare)


async def test_a_downgrade_makes_them_again_as_they_were(connection: AsyncConnection) -> None:
    """What reflection found, when the model is gone; a type that it does not know is told when the downgrade runs."""
    types = await types_of(connection)

    def compare(database: Connection) -> None:
        table_of(types).create_all(database)
        known = {each["name"] for each in sa.inspect(database).get_columns("kinds") if not is_unknown(each["type"])}
        assert len(known) > len(types) - 12
        clear(database)
        table_of({name: kind for name, kind in types.items() if name in known}).create_all(database)
        wanted = said(database)
        operations = produce_migrations(comparing(database), MetaData()).upgrade_ops
        assert operations is not None
        back = operations.reverse()
        # A domain that was reflected is not created again, and the drop of its table does not drop it.
        clear(database, "e")
        run(database, back)
        # How many dimensions were declared is nothing that a column keeps to.
        assert [row[:2] + row[3:] for row in said(database)[0]] == [row[:2] + row[3:] for row in wanted[0]]

    await connection.run_sync(compare)


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
