"""One table at a time: which types, constraints and defaults a row can be made up for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tenantry import Address, errors
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.proof.rows import RowWriter, TextRow, read_shapes
from tenantry.secrets import StaticSource
from tenantry.testing.cluster import Cluster

TYPES = """
text; varchar(5); varchar(1); varchar; char(3); "char"; name; uuid; smallint; int; bigint; numeric; numeric(3,1);
numeric(2,2); numeric(12,6); real; double precision; date; time; timetz; timestamp; timestamptz; timestamptz(3);
interval; interval day; json; jsonb; jsonpath; bytea; inet; cidr; macaddr; macaddr8; int4range; int8range; numrange;
daterange; tsrange; tstzrange; int4multirange; datemultirange; tsvector; tsquery; bit(4); varbit(8); varbit; money; oid;
pg_lsn; xid8; point; line; lseg; box; path; polygon; circle; text[]; varchar(4)[]; int[][]; uuid[]; jsonb[]; date[];
mood; mood[]; posint; shout; posint[]; word; vector(3); vector; halfvec(5); sparsevec(8); vector(2)[]; citext; hstore;
ltree; pair
"""
# Types that hold fewer values than there are rows, or whose values cannot be compared, are not asked to differ.
FEW = {"mood", "mood[]", "json", "jsonb[]"}
EXTENSIONS = {
    "vector": ("vector", "halfvec", "sparsevec"),
    "citext": ("citext",),
    "hstore": ("hstore",),
    "ltree": ("ltree",),
}

PREPARE = """
CREATE TYPE mood AS ENUM ('calm', 'it''s wild');
CREATE DOMAIN posint AS int CHECK (VALUE > 100) CHECK (VALUE < 200);
CREATE DOMAIN shout AS text NOT NULL CHECK (VALUE = upper(VALUE)) CHECK (length(VALUE) < 30);
CREATE DOMAIN word AS varchar(8) CHECK (VALUE ~ '^[a-z]+$');
CREATE TYPE pair AS (a int, b text);
"""


@pytest.fixture(scope="module")
def address(tenantry_cluster: Cluster) -> Iterator[Address]:
    """A database with a few types, for all tests of the module: each makes tables of its own."""
    with tenantry_cluster.database() as address:
        asyncio.run(_prepare(address))
        yield address


async def _prepare(address: Address) -> None:
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        await connection.execute(PREPARE)
    finally:
        await connection.close()


@pytest.fixture
async def superuser(address: Address) -> AsyncIterator[Connection]:
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        yield connection
    finally:
        await connection.close()


async def write_rows(connection: Connection, definition: str, count: int = 3, **fixed: str) -> list[TextRow]:
    """Make a table, put rows in, and return them."""
    # A name of its own, for the driver keeps the plans of statements.
    name = f"t_{uuid.uuid4().hex}"
    await connection.execute(f"CREATE TABLE {name} ({definition})")
    shapes = await read_shapes(connection, [("public", name)])
    writer = RowWriter(connection, shapes["public", name])
    async with connection.transaction():
        return [await writer.insert(fixed, number, "victim-rows") for number in range(count)]


async def test_a_row_is_made_of_every_type(superuser: Connection) -> None:
    available = {row["name"] for row in await superuser.fetch("SELECT name::text FROM pg_available_extensions")}
    lacking = {name for extension, names in EXTENSIONS.items() if extension not in available for name in names}
    for extension in EXTENSIONS.keys() & available:
        await superuser.execute(f"CREATE EXTENSION {extension}")
    failed = {}
    for kind in (one.strip() for one in TYPES.split(";")):
        if kind.partition("(")[0].partition("[")[0] in lacking:
            continue
        try:
            rows = await write_rows(superuser, f"v {kind} NOT NULL")
            if kind not in FEW and len({row["v"] for row in rows}) < 3:
                failed[kind] = "the same value twice"
        except errors.ConfigurationError as error:
            failed[kind] = str(error)
    assert failed == {}


@pytest.mark.parametrize(
    "definition",
    [
        "v text NOT NULL CHECK (v IN ('pending', 'it''s done', 'failed'))",
        "v varchar(20) NOT NULL CHECK (v IN ('a', 'b'))",
        "v int NOT NULL CHECK (v BETWEEN 1 AND 5)",
        "v int NOT NULL CHECK (v > 41 AND v < 43)",
        "v int NOT NULL CHECK (v % 7 = 0)",
        "v int NOT NULL CHECK (v < 0)",
        "v int NOT NULL UNIQUE CHECK (v BETWEEN 1000 AND 1010)",
        "v numeric(3,2) NOT NULL CHECK (v >= 0 AND v <= 1)",
        "v double precision NOT NULL CHECK (v > 0 AND v < 1)",
        "v text NOT NULL CHECK (char_length(v) = 12)",
        "v text NOT NULL UNIQUE CHECK (length(v) = 2)",
        "v text NOT NULL CHECK (length(v) >= 64)",
        "v text NOT NULL CHECK (v ~ '^[A-Z]{3}-[0-9]+$')",
        "v text NOT NULL UNIQUE CHECK (v ~ '^(red|green)_[a-f]{2,4}$')",
        r"v text NOT NULL CHECK (v ~ '^\d{4}-\d{2}$')",
        "v text NOT NULL CHECK (v ~* '^[^@ ]+@[^@ ]+[.][a-z]+$')",
        "v text NOT NULL CHECK (v LIKE 'https://%')",
        "v text NOT NULL CHECK (v = lower(v) AND v <> '')",
        "v text NOT NULL CHECK (v = upper(v))",
        "v text NOT NULL CHECK (position('@' in v) > 1)",
        "v text NOT NULL CHECK (v ~ '^[0-9a-f]{64}$')",
        "v text NOT NULL CHECK (starts_with(v, 'sk_'))",
        "v json NOT NULL CHECK (json_typeof(v) = 'array')",
        "v jsonb NOT NULL CHECK (jsonb_typeof(v) = 'object')",
        "v date NOT NULL CHECK (v < '2010-01-01')",
        "v timestamptz NOT NULL CHECK (v <= now())",
        "v date NOT NULL CHECK (v BETWEEN '2015-03-01' AND '2015-03-31')",
        "a date NOT NULL, b date NOT NULL, CHECK (b > a)",
        "a int NOT NULL, b int NOT NULL, CHECK (a < b), CHECK (b <= 10), CHECK (a >= 3)",
        "a text, b text, CHECK ((a IS NULL) = (b IS NULL))",
        "a text, b text, CHECK ((a IS NULL) <> (b IS NULL))",
        "a text, b text, c int, CHECK (num_nonnulls(a, b, c) = 1)",
        "s text NOT NULL DEFAULT 'draft', at date, CHECK (s IN ('draft', 'sent')), CHECK ((s = 'sent') = (at NOTNULL))",
        "v text[] NOT NULL CHECK (cardinality(v) = 2)",
        "v text[] NOT NULL CHECK (v <@ ARRAY['a', 'b'])",
        "v bytea NOT NULL CHECK (octet_length(v) = 32)",
        "v int NOT NULL DEFAULT 7 UNIQUE",
        "v text NOT NULL DEFAULT NULL",
        "id int GENERATED ALWAYS AS IDENTITY, v text NOT NULL, w text GENERATED ALWAYS AS (upper(v)) STORED",
        "id serial PRIMARY KEY, v bool NOT NULL CHECK (v)",
        "v int4range NOT NULL, EXCLUDE USING gist (v WITH &&)",
        "v int4range NOT NULL CHECK (NOT isempty(v) AND lower(v) >= 100)",
        "v inet NOT NULL CHECK (family(v) = 6)",
        "v uuid NOT NULL CHECK (v <> '00000000-0000-0000-0000-000000000000')",
        "v mood NOT NULL, w int NOT NULL, UNIQUE (v, w)",
        "v mood NOT NULL CHECK (v <> 'calm')",
        "v interval NOT NULL CHECK (v < '1 hour')",
        "v time NOT NULL CHECK (v >= '23:00')",
        "lat numeric(8,5) NOT NULL CHECK (lat BETWEEN -90 AND 90)",
        "v text NOT NULL CHECK (v IN ('a', 'b')), w text NOT NULL CHECK (w IN ('c', 'd')), CHECK (v <> 'a' OR w = 'd')",
        "v text NOT NULL CHECK (length(trim(v)) > 0)",
        "v char(2) NOT NULL CHECK (v ~ '^[A-Z]{2}$')",
        "v varchar(3) NOT NULL UNIQUE",
        "v text NOT NULL CHECK (v::jsonb ? 'victim-rows')",
    ],
)
async def test_a_check_is_met(superuser: Connection, definition: str) -> None:
    assert len(await write_rows(superuser, definition, 2)) == 2


async def test_what_is_left_to_the_database_is_its_default(superuser: Connection) -> None:
    (row,) = await write_rows(
        superuser, "id int GENERATED ALWAYS AS IDENTITY (START 7), v text NOT NULL DEFAULT 'new'", 1
    )
    assert row == {"id": "7", "v": "new"}


async def test_what_is_fixed_is_never_changed(superuser: Connection) -> None:
    rows = await write_rows(superuser, "v text NOT NULL, w text NOT NULL, CHECK (v < w)", 2, v="m")
    assert [row["v"] for row in rows] == ["m", "m"]


async def test_a_check_that_only_the_fixed_value_breaks_is_told(superuser: Connection) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"SQLSTATE 23514 of constraint t_\w+_v_check"):
        await write_rows(superuser, "v text NOT NULL CHECK (v <> 'm')", 1, v="m")


async def test_a_type_that_nobody_knows_is_told_with_the_column(superuser: Connection) -> None:
    with pytest.raises(errors.ConfigurationError, match='SQLSTATE 23502: null value in column "v"'):
        await write_rows(superuser, "w refcursor, v regclass NOT NULL", 1)


async def test_a_trigger_that_raises_is_told_with_its_words(superuser: Connection) -> None:
    await superuser.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''never''; END'")
    await superuser.execute("CREATE TABLE refusing (v int)")
    await superuser.execute("CREATE TRIGGER no BEFORE INSERT ON refusing FOR EACH ROW EXECUTE FUNCTION no()")
    shapes = await read_shapes(superuser, [("public", "refusing")])
    with pytest.raises(errors.ConfigurationError, match=r"table public.refusing\. .* SQLSTATE P0001: never"):
        await RowWriter(superuser, shapes["public", "refusing"]).insert({}, 0, "victim-rows")


async def test_a_row_beyond_the_room_of_a_key_is_told(superuser: Connection) -> None:
    with pytest.raises(errors.ConfigurationError, match="SQLSTATE 23505"):
        await write_rows(superuser, "v bool NOT NULL UNIQUE", 3)


async def test_an_attempt_leaves_nothing_behind(superuser: Connection) -> None:
    await superuser.execute("CREATE TABLE kept (v int NOT NULL CHECK (v > 4000), w int DEFAULT 1)")
    shapes = await read_shapes(superuser, [("public", "kept")])
    await RowWriter(superuser, shapes["public", "kept"]).insert({}, 0, "victim-rows")
    assert await superuser.fetchval("SELECT count(*) FROM kept") == 1


async def test_a_sequence_that_may_not_be_used_is_done_without(superuser: Connection) -> None:
    role = f"sower_{uuid.uuid4().hex[:12]}"
    await superuser.execute(f"CREATE ROLE {role}; CREATE TABLE drawn (id serial PRIMARY KEY, v text)")
    try:
        await superuser.execute(f"GRANT SELECT, INSERT ON drawn TO {role}; SET ROLE {role}")
        shapes = await read_shapes(superuser, [("public", "drawn")])
        async with superuser.transaction():
            row = await RowWriter(superuser, shapes["public", "drawn"]).insert({}, 4, "victim-rows")
        assert row["id"] == "5"
    finally:
        await superuser.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
