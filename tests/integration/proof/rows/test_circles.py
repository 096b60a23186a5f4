"""Tables that refer to each other in a circle, or to themselves, and which of them can be filled."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator

import pytest

from tenantry import Address, errors
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.proof.rows import ROWS, Key, Rows, fill, read_shapes
from tenantry.secrets import StaticSource

TENANTS = {"acme": "acme-rows", "globex": "globex-rows"}

# The tenant and a key that a sequence gives, as most tables have them.
KEYED = "tenant text NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (tenant, id)"


@dataclasses.dataclass(frozen=True)
class Circle:
    """Statements that make tables, each with the number of rows that each tenant gets."""

    name: str
    sql: str
    tables: tuple[str, ...]
    rows: int = ROWS

    def __str__(self) -> str:
        return self.name


def reference(table: str, column: str, target: str, *options: str) -> str:
    """Return the statement that adds a reference of the tenant and a column."""
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column} FOREIGN KEY (tenant, {column}) "
        f"REFERENCES {target} (tenant, id) {' '.join(options)};"
    )


def keyed(table: str, *columns: str) -> str:
    return f"CREATE TABLE {table} ({', '.join((KEYED, *columns))});"


DEFERRABLE = "DEFERRABLE"
CIRCLES = [
    Circle(
        "two tables, one reference may be NULL",
        keyed("a", "b_id bigint")
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b")
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "two tables, both references may be NULL",
        keyed("a", "b_id bigint")
        + keyed("b", "a_id bigint")
        + reference("a", "b_id", "b")
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "two tables, one reference is deferrable",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "two tables, both references are initially deferred",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b", "DEFERRABLE INITIALLY DEFERRED")
        + reference("b", "a_id", "a", "DEFERRABLE INITIALLY DEFERRED"),
        ("a", "b"),
    ),
    Circle(
        "two tables, each row belongs to one of the other",
        keyed("a", "b_id bigint NOT NULL", "UNIQUE (tenant, b_id)")
        + keyed("b", "a_id bigint NOT NULL", "UNIQUE (tenant, a_id)")
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "two tables share their key",
        "CREATE TABLE a (tenant text, id uuid DEFAULT gen_random_uuid(), PRIMARY KEY (tenant, id));"
        "CREATE TABLE b (tenant text, id uuid, PRIMARY KEY (tenant, id));"
        + reference("a", "id", "b", DEFERRABLE)
        + reference("b", "id", "a"),
        ("a", "b"),
    ),
    Circle(
        "the key that a row refers ahead to must pass a check",
        "CREATE TABLE a (tenant text, id uuid DEFAULT gen_random_uuid(), b_id text NOT NULL, PRIMARY KEY (tenant, id));"
        "CREATE TABLE b (tenant text, id text CHECK (id ~ '^[A-Z]{3}-[0-9]{4}$'), a_id uuid NOT NULL, "
        "PRIMARY KEY (tenant, id));" + reference("a", "b_id", "b", DEFERRABLE) + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "the key that a row refers ahead to is generated",
        "CREATE TABLE a (tenant text, id int, b_id text NOT NULL, PRIMARY KEY (tenant, id));"
        "CREATE TABLE b (tenant text, code text NOT NULL, id text GENERATED ALWAYS AS (upper(code)) STORED, "
        "a_id int NOT NULL, PRIMARY KEY (tenant, id));"
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "the table that is referred ahead to has room for one row",
        keyed("a", "b_id bigint NOT NULL")
        + "CREATE TABLE b (tenant text PRIMARY KEY, id bigint NOT NULL, a_id bigint NOT NULL, UNIQUE (tenant, id));"
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a",),
    ),
    Circle(
        "a reference is full and may be NULL as a whole",
        "CREATE TABLE a (tenant text NOT NULL, id int PRIMARY KEY, x int, y int);"
        "CREATE TABLE b (tenant text NOT NULL, x int, y int, a_id int NOT NULL REFERENCES a, PRIMARY KEY (x, y));"
        "ALTER TABLE a ADD FOREIGN KEY (x, y) REFERENCES b MATCH FULL;",
        ("a", "b"),
    ),
    Circle(
        "three tables, one reference may be NULL",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "c_id bigint NOT NULL")
        + keyed("c", "a_id bigint")
        + reference("a", "b_id", "b")
        + reference("b", "c_id", "c")
        + reference("c", "a_id", "a"),
        ("a", "b", "c"),
    ),
    Circle(
        "three tables, one reference is deferrable",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "c_id bigint NOT NULL")
        + keyed("c", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b")
        + reference("b", "c_id", "c", DEFERRABLE)
        + reference("c", "a_id", "a"),
        ("a", "b", "c"),
    ),
    Circle(
        "two circles share a table",
        keyed("a", "b_id bigint NOT NULL", "c_id bigint NOT NULL")
        + keyed("b", "a_id bigint NOT NULL")
        + keyed("c", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("a", "c_id", "c", DEFERRABLE)
        + reference("b", "a_id", "a")
        + reference("c", "a_id", "a"),
        ("a", "b", "c"),
    ),
    Circle(
        "a table in partitions",
        "CREATE TABLE a (tenant text, id bigint, b_id bigint NOT NULL, PRIMARY KEY (tenant, id)) "
        "PARTITION BY HASH (tenant);"
        "CREATE TABLE a_0 PARTITION OF a FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE a_1 PARTITION OF a FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
    Circle(
        "a table refers to itself and may be NULL",
        keyed("a", "parent_id bigint") + reference("a", "parent_id", "a"),
        ("a",),
    ),
    Circle(
        "a table must refer to itself",
        keyed("a", "parent_id bigint NOT NULL") + reference("a", "parent_id", "a"),
        ("a",),
    ),
    Circle(
        "a table must refer to itself twice",
        keyed("a", "first_id bigint NOT NULL", "last_id bigint NOT NULL")
        + reference("a", "first_id", "a")
        + reference("a", "last_id", "a"),
        ("a",),
    ),
    Circle(
        "a table must refer to itself, and a check restricts its key",
        "CREATE TABLE a (tenant text, id text CHECK (id ~ '^[a-z]{2}[0-9]{3}$'), parent_id text NOT NULL, "
        "PRIMARY KEY (tenant, id));" + reference("a", "parent_id", "a"),
        ("a",),
    ),
    Circle(
        "a table must refer to itself, and a check restricts its reference",
        "CREATE TABLE a (tenant text, id int, parent_id int NOT NULL CHECK (parent_id BETWEEN 100 AND 200), "
        "PRIMARY KEY (tenant, id));" + reference("a", "parent_id", "a"),
        ("a",),
    ),
    Circle(
        "a table must refer to itself by a key that the database makes",
        "CREATE TABLE a (tenant text, id uuid DEFAULT gen_random_uuid(), root_id uuid NOT NULL, "
        "PRIMARY KEY (tenant, id));" + reference("a", "root_id", "a"),
        ("a",),
    ),
    Circle(
        "a circle with a table that must refer to itself",
        keyed("a", "a_id bigint NOT NULL", "b_id bigint NOT NULL")
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "a_id", "a")
        + reference("a", "b_id", "b", DEFERRABLE)
        + reference("b", "a_id", "a"),
        ("a", "b"),
    ),
]

REFUSED = [
    Circle(
        "two tables",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "a_id bigint NOT NULL")
        + reference("a", "b_id", "b")
        + reference("b", "a_id", "a"),
        ("a_b_id of public.a", "b_a_id of public.b"),
    ),
    Circle(
        "three tables, and one that only refers to them",
        keyed("a", "b_id bigint NOT NULL")
        + keyed("b", "c_id bigint NOT NULL")
        + keyed("c", "a_id bigint NOT NULL")
        + keyed("d", "a_id bigint")
        + reference("a", "b_id", "b")
        + reference("b", "c_id", "c")
        + reference("c", "a_id", "a")
        + reference("d", "a_id", "a"),
        ("a_b_id of public.a", "b_c_id of public.b", "c_a_id of public.c"),
    ),
]


@pytest.fixture
async def superuser(empty_database: Address) -> AsyncIterator[Connection]:
    connection = await connect(StaticSource(empty_database), deadline=10, application_name="test")
    try:
        yield connection
    finally:
        await connection.close()


async def build(connection: Connection, circle: Circle) -> dict[Key, str | None]:
    """Make the tables, and return them with their tenant column."""
    await connection.execute(circle.sql)
    names = await connection.fetch(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition ORDER BY relname"
    )
    return {("public", name): "tenant" for (name,) in names}


async def check_references(connection: Connection, tables: dict[Key, str | None], rows: Rows) -> None:
    """Check that every row refers, by each reference, to a row of its own tenant that was returned too."""
    shapes = await read_shapes(connection, tables)
    for (key, shape), tenant in itertools.product(shapes.items(), TENANTS):
        for row, one in itertools.product(rows.of(key, tenant), shape.references):
            if one.target == key and row is rows.of(key, tenant)[0] and shape.may_be_null(one):
                # The root of a tree has no parent.
                continue
            (found,) = rows.find(one, row, tenant)
            assert found["tenant"] == tenant


@pytest.mark.parametrize("circle", CIRCLES, ids=str)
async def test_a_circle_is_filled(superuser: Connection, circle: Circle) -> None:
    tables = await build(superuser, circle)
    rows = await fill(superuser, tables, TENANTS)
    for key, tenant in itertools.product(tables, TENANTS):
        found = await superuser.fetch(f"SELECT tenant FROM {key[1]} WHERE tenant = $1", tenant)
        assert len(found) == len(rows.of(key, tenant)) == (circle.rows if key[1] in circle.tables else 1)
    await check_references(superuser, tables, rows)


@pytest.mark.parametrize("circle", CIRCLES, ids=str)
async def test_what_is_returned_is_what_the_table_holds(superuser: Connection, circle: Circle) -> None:
    """Also after an update of references that had to wait."""
    tables = await build(superuser, circle)
    rows = await fill(superuser, tables, TENANTS)
    for (key, shape), tenant in itertools.product((await read_shapes(superuser, tables)).items(), TENANTS):
        columns = ", ".join(f"{name}::text" for name in (*shape.columns, *shape.generated))
        held = await superuser.fetch(f"SELECT {columns} FROM {key[1]} WHERE tenant = $1", tenant)
        assert sorted(map(str, map(dict, held))) == sorted(map(str, rows.of(key, tenant)))


@pytest.mark.parametrize("circle", REFUSED, ids=str)
async def test_a_circle_that_no_row_can_begin_is_refused_by_name(superuser: Connection, circle: Circle) -> None:
    tables = await build(superuser, circle)
    with pytest.raises(errors.ConfigurationError) as caught:
        await fill(superuser, tables, TENANTS)
    assert caught.value.why == f"These references are NOT NULL and not DEFERRABLE: {', '.join(circle.tables)}."
    assert "public.d" not in str(caught.value)


async def test_a_sequence_goes_on_after_keys_that_were_made_up(superuser: Connection) -> None:
    """What the service inserts next must not meet a key of the proof."""
    (circle,) = [one for one in CIRCLES if one.name == "two tables, one reference is deferrable"]
    await fill(superuser, await build(superuser, circle), TENANTS)
    for _ in range(ROWS * len(TENANTS)):
        await superuser.execute("INSERT INTO b (tenant, a_id) SELECT 'acme', id FROM a WHERE tenant = 'acme' LIMIT 1")


async def test_a_table_that_cannot_be_filled_leaves_nothing(superuser: Connection) -> None:
    (circle,) = [one for one in CIRCLES if one.name == "two tables, one reference is deferrable"]
    tables = await build(superuser, circle)
    await superuser.execute("ALTER TABLE b ADD CHECK (a_id < 0)")
    with pytest.raises(errors.ConfigurationError, match=r"No row could be made up for table public\.b"):
        await fill(superuser, tables, TENANTS)
    assert await superuser.fetchval("SELECT count(*) FROM a") == 0
