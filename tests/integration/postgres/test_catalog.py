"""What the catalog reader returns equals what was created, on every version, without disturbing anybody."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tenantry import Address
from tenantry.postgres.catalog import DrawnSequence, read_draws, read_objects
from tenantry.postgres.connect import connect
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Extension,
    Function,
    Grant,
    Policy,
    Role,
    RowSecurity,
    Schema,
    Sequence,
    Serial,
    Trigger,
)
from tenantry.postgres.sequences import serial_name
from tenantry.secrets import StaticSource
from tenantry.sql import KEYWORDS, as_printed, identifier, qualified

SETTING = "NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)"
CHANGED = "OLD TABLE AS a NEW TABLE AS b"
PREDICATES = {
    "character varying(100)": f'((tenant_id)::text = ( SELECT {SETTING} AS "nullif"))',
    "text": f'(tenant_id = ( SELECT {SETTING} AS "nullif"))',
    "uuid": f'(tenant_id = ( SELECT ({SETTING})::uuid AS "nullif"))',
    "bigint": f'(tenant_id = ( SELECT ({SETTING})::bigint AS "nullif"))',
    "integer": f'(tenant_id = ( SELECT ({SETTING})::integer AS "nullif"))',
    "smallint": f'(tenant_id = ( SELECT ({SETTING})::smallint AS "nullif"))',
}


@pytest.fixture
async def role() -> str:
    """A role's name that no other test has."""
    return f"catalog_{uuid4().hex[:12]}"


@pytest.fixture
async def connection(empty_database: Address, role: str) -> AsyncIterator[AsyncConnection]:
    """A superuser's connection to a database with a role and a table."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda *_a, **_k: connect(StaticSource(empty_database), deadline=10, application_name="test"),
    )
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE ROLE {role}")
        await connection.exec_driver_sql("CREATE TABLE items (tenant_id text, number serial, noted timestamptz)")
        yield connection
        await connection.rollback()
    await engine.dispose()


async def read(connection: AsyncConnection) -> set[DatabaseObject]:
    """Return what is there, without the roles of the cluster, the default grant on schema public, and the serial."""
    found = await connection.run_sync(read_objects)
    before = {Grant(PUBLIC, ("USAGE",), "public", kind="SCHEMA"), Sequence("items_number_seq", data_type="integer")}
    return {item for item in found if not isinstance(item, Role) and item not in before}


async def create(connection: AsyncConnection, *items: DatabaseObject) -> None:
    for item in sorted(items):
        for statement in item.create():
            await connection.exec_driver_sql(statement)


def sample(role: str) -> tuple[DatabaseObject, ...]:
    predicate = PREDICATES["text"]
    return (
        RowSecurity("items", enabled=True, forced=False),
        Policy("all", "items", (role,), predicate, predicate),
        Policy("no delete", "items", (PUBLIC,), "false", None, "DELETE", permissive=False),
        Policy("own", "items", (role,), None, "(tenant_id IS NOT NULL)", "INSERT"),
        Grant(role, ("SELECT", "INSERT"), "items"),
        Grant(role, ("DELETE",), "items", grantable=True),
        Grant(role, ("UPDATE",), "items", column="noted"),
        Grant(PUBLIC, ("SELECT",), "items", column="number"),
        Grant(role, ("USAGE",), "items_number_seq", kind="SEQUENCE"),
        Grant(role, ("USAGE", "CREATE"), "public", kind="SCHEMA"),
        Sequence("plain"),
        Sequence("Odd ones", data_type="smallint", start=7, increment=2, minimum=3, maximum=99, cache=5, cycle=True),
        Sequence("down", data_type="integer", increment=-1),
        Grant(role, ("USAGE",), "Odd ones", kind="SEQUENCE"),
        Function("touch", "\nBEGIN\n    NEW.noted := now();\n    RETURN NEW;\nEND;\n"),
        Function(
            "find",
            " SELECT tenant_id, number FROM public.items ",
            returns="TABLE(tenant text, id integer)",
            arguments="token text DEFAULT 'a, b'::text, VARIADIC more integer[] DEFAULT '{}'::integer[]",
            language="sql",
            volatility="STABLE",
            security_definer=True,
            search_path="pg_catalog, pg_temp",
            execute=(role, PUBLIC),
            options=("COST 7", "LEAKPROOF", "PARALLEL SAFE", "ROWS 5", "SET row_security = 'off'", "STRICT"),
        ),
        Function("pinned", "RETURN 1", returns="integer", language="sql", search_path=""),
        Trigger("touch", "items", "touch", events=("UPDATE OF tenant_id, noted", "INSERT"), when="(new.noted IS NULL)"),
        Trigger("late", "items", "touch", "AFTER", options="DEFERRABLE INITIALLY DEFERRED", arguments=("it's", "b")),
        Trigger("off", "items", "touch", "AFTER", ("DELETE",), when="(old.number > 1)", state="DISABLE"),
        Trigger("always", "items", "touch", "AFTER", ("TRUNCATE",), "STATEMENT", state="ENABLE ALWAYS"),
        Trigger("many", "items", "touch", "AFTER", ("UPDATE",), "STATEMENT", options=f"REFERENCING {CHANGED}"),
    )


async def test_what_was_created_is_read_back_equal(connection: AsyncConnection, role: str) -> None:
    """One object of each kind, with every field away from its default somewhere."""
    items = sample(role)
    await create(connection, *items)
    assert await read(connection) == set(items)


async def test_dropping_everything_leaves_nothing(connection: AsyncConnection, role: str) -> None:
    items = sample(role)
    await create(connection, *items)
    for item in sorted(items, reverse=True):
        for statement in item.drop():
            await connection.exec_driver_sql(statement)
    assert await read(connection) == set()


@pytest.mark.parametrize("column_type", PREDICATES)
async def test_the_predicates_are_what_postgresql_prints(connection: AsyncConnection, column_type: str) -> None:
    """Comparison is text equality, so the text that is sent must be the text that comes back."""
    await connection.exec_driver_sql("DROP TABLE items")
    await connection.exec_driver_sql(f"CREATE TABLE items (tenant_id {column_type})")
    policy = Policy("tenant", "items", (PUBLIC,), PREDICATES[column_type], PREDICATES[column_type])
    await create(connection, policy)
    assert await read(connection) == {policy}


async def test_what_is_outside_of_pg_catalog_is_printed_with_its_schema(connection: AsyncConnection) -> None:
    """Whatever the search path of whoever looks; and it is as before afterwards."""
    await connection.exec_driver_sql("SET search_path = public, pg_catalog")
    await create(connection, Function("truth", "SELECT true", returns="boolean", language="sql"))
    await connection.exec_driver_sql("CREATE POLICY p ON items USING (truth())")
    found = {item.using for item in await read(connection) if isinstance(item, Policy)}
    assert found == {"public.truth()"}
    assert (await connection.exec_driver_sql("SHOW search_path")).scalar() == "public, pg_catalog"


async def test_what_belongs_to_an_extension_is_left_out(connection: AsyncConnection) -> None:
    """Its script made it; only the extension itself is ours to declare."""
    name = (
        await connection.exec_driver_sql(
            "SELECT name FROM pg_available_extensions WHERE name IN ('vector', 'citext') ORDER BY name DESC LIMIT 1"
        )
    ).scalar_one()
    await create(connection, Extension(name))
    assert await read(connection) == {Extension(name)}


async def test_the_sequence_of_an_identity_is_a_part_of_its_column(connection: AsyncConnection) -> None:
    """No role needs a privilege on it, and its column's default calls nothing."""
    await connection.exec_driver_sql("CREATE TABLE more (id integer GENERATED BY DEFAULT AS IDENTITY)")
    assert await read(connection) == set()
    assert {key[1] for key in await connection.run_sync(read_draws)} == {"items"}


async def test_columns_that_draw_from_a_sequence_are_found(connection: AsyncConnection) -> None:
    """With the sequence's own name, whatever it is, and whether the column owns it."""
    await connection.exec_driver_sql("CREATE SEQUENCE common")
    await connection.exec_driver_sql("CREATE TABLE more (id integer DEFAULT nextval('common') * 2)")
    await connection.exec_driver_sql("ALTER SEQUENCE items_number_seq RENAME TO other")
    assert await connection.run_sync(read_draws) == {
        ("public", "items", "number"): DrawnSequence("public", "other", is_owned=True),
        ("public", "more", "id"): DrawnSequence("public", "common", is_owned=False),
    }


@pytest.mark.parametrize("largest", [None, -5, 0, 41])
async def test_a_column_that_becomes_serial_goes_on_after_its_largest_number(
    connection: AsyncConnection, largest: int | None
) -> None:
    """And is then what CREATE TABLE makes of `serial`; without it the column is what it was."""
    await connection.exec_driver_sql('CREATE TABLE "Old" ("The ""Id""" integer)')
    if largest is not None:
        await connection.exec_driver_sql(f'INSERT INTO "Old" VALUES ({largest})')
    serial = Serial("Old", 'The "Id"', 'Old_The "Id"_seq')
    await create(connection, serial)
    first = await connection.exec_driver_sql('INSERT INTO "Old" DEFAULT VALUES RETURNING *')
    assert first.scalar_one() == max(largest or 0, 0) + 1
    found = await connection.run_sync(read_draws)
    assert found["public", "Old", 'The "Id"'] == DrawnSequence("public", serial.sequence, is_owned=True)
    for statement in serial.drop():
        await connection.exec_driver_sql(statement)
    assert await read(connection) == set()


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("t" * 60, "id"),
        ("t" * 60, "c" * 60),
        ("t" * 40, "c" * 30),
        ("a" + "\u00e4" * 30, "\u00e4" * 9),
        ('The "T"', 'the "C"'),
    ],
)
async def test_the_name_of_a_serial_columns_sequence_is_known_beforehand(
    connection: AsyncConnection, table: str, column: str
) -> None:
    """Also that of a second table, where the name is taken."""
    for schema in ("public", "other"):
        await connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        name = serial_name(table, column)
        if schema == "other":
            await connection.exec_driver_sql(f"CREATE SEQUENCE {qualified(schema, name)}")
            name = serial_name(table, column, {name})
        await connection.exec_driver_sql(f"CREATE TABLE {qualified(schema, table)} ({identifier(column)} serial)")
        found = await connection.run_sync(read_draws, schema)
        assert found[schema, table, column] == DrawnSequence(schema, name, is_owned=True)


async def test_an_altered_sequence_is_what_was_declared(connection: AsyncConnection) -> None:
    before, after = Sequence("n", data_type="integer"), Sequence("n", increment=-3, maximum=50, cycle=True)
    await create(connection, before)
    for item in (after, before, after):
        for statement in item.alter():
            await connection.exec_driver_sql(statement)
        assert await read(connection) == {item}


async def test_roles_are_read_with_their_attributes(connection: AsyncConnection, role: str) -> None:
    """Superusers and predefined roles are not ours."""
    await connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN BYPASSRLS")
    found = {item.name: item for item in await connection.run_sync(read_objects) if isinstance(item, Role)}
    assert found[role] == Role(role, login=True, bypass_rls=True)
    assert not {"postgres", "pg_monitor"} & found.keys()


async def test_another_schema_is_read_by_its_name(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("CREATE SCHEMA other")
    await connection.exec_driver_sql("CREATE TABLE other.things (id integer)")
    items = (
        RowSecurity("things", schema="other"),
        Policy("p", "things", (PUBLIC,), "true", None, schema="other"),
        Function("f", "BEGIN RETURN NULL; END", schema="other"),
        Trigger("t", "things", "f", schema="other"),
        Trigger("u", "things", "public.g", schema="other"),
        Grant(PUBLIC, ("SELECT",), "things", schema="other"),
    )
    await create(connection, Function("g", "BEGIN RETURN NULL; END"), *items)
    found = await connection.run_sync(read_objects, "other")
    assert {item for item in found if not isinstance(item, Role)} == {Schema("other"), *items}


async def test_reading_takes_no_lock_above_access_share(connection: AsyncConnection, role: str) -> None:
    """It may look at a live database."""
    await create(connection, *sample(role))
    await connection.commit()
    await connection.run_sync(read_objects)
    modes = await connection.exec_driver_sql(
        "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'"
    )
    assert set(modes.scalars()) == {"AccessShareLock"}
    await connection.exec_driver_sql(f"DROP OWNED BY {role}")
    await connection.exec_driver_sql(f"DROP ROLE {role}")
    await connection.commit()


async def test_two_hundred_tables_are_read_quickly(connection: AsyncConnection, role: str) -> None:
    """Seven statements, whatever the number of tables; the best of three, for the machine is shared."""
    for number in range(200):
        table = f"table_{number}"
        await connection.exec_driver_sql(f"CREATE TABLE {table} (tenant_id text)")
        await create(
            connection,
            RowSecurity(table),
            Policy("tenant", table, (role,), PREDICATES["text"], PREDICATES["text"]),
            Grant(role, ("SELECT",), table),
        )

    def measure(sync: Connection) -> float:
        began = time.perf_counter()
        assert len(read_objects(sync)) >= 600
        return time.perf_counter() - began

    assert min([await connection.run_sync(measure) for _ in range(3)]) < 0.2


# Keywords that an older version does not know, or does not quote.
NEW_KEYWORDS = ("json", "merge_action", "system_user")


async def test_names_are_printed_as_the_server_prints_them(connection: AsyncConnection) -> None:
    """Every keyword of the server, and names with each kind of character."""
    words = (await connection.exec_driver_sql("SELECT word FROM pg_get_keywords()")).scalars().all()
    names = [
        *words,
        *KEYWORDS,
        "plain",
        "_b1",
        "1b",
        "Books",
        'a"b',
        "a b",
        "a$b",
        "a.b",
        "it's",
        "100%",
        "\u00e4",
        "\u540d",
    ]
    printed = (
        await connection.exec_driver_sql("SELECT quote_ident(n) FROM unnest($1::text[]) AS n", (names,))
    ).scalars()
    wrong = {name for name, there in zip(names, printed, strict=True) if as_printed(name) != there}
    version = int((await connection.exec_driver_sql("SHOW server_version_num")).scalar_one())
    assert {name for name in wrong if version >= 180000 or not name.startswith(NEW_KEYWORDS)} == set()
