"""The guard reads which tables a statement names, and is not misled by columns and words with their names."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
    union,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased, joinedload, registry, relationship

from tenantry import Global, TenantScoped
from tenantry.tenancy.named_tables import TableFinder

METADATA = MetaData()
NAMES = ("order", "status", "name", "user", "Group", 'odd"one')
TENANT = {
    name: Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True),
        Column("tenant_id"),
        Column("thing_id", Integer),
        info={"tenancy": TenantScoped},
    )
    for name in NAMES
}
THINGS = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("status", String),
    Column("name", String),
    Column("user", String),
    Column("order", Integer),
    Column("status_id", ForeignKey("status.id")),
    info={"tenancy": Global},
)
STATUS, ORDER = TENANT["status"], TENANT["order"]
FINDER = TableFinder(METADATA)
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

MAPPER = registry(metadata=METADATA)


class Status:
    """A row of the tenants' table."""


class Thing:
    """A row of the shared table."""

    state: Any
    status: Any


MAPPER.map_imperatively(Status, STATUS)
MAPPER.map_imperatively(Thing, THINGS, properties={"state": relationship(Status, lazy="joined")})

FREE = [
    select(THINGS.c.status, THINGS.c.name).order_by(THINGS.c.status),
    select(THINGS).where(THINGS.c.user == "x").order_by(THINGS.c.order.desc()),
    select(THINGS.alias("status")),
    select(THINGS.c.id.label("name")).group_by(THINGS.c.id),
    insert(THINGS).values(status="x", name="y", order=1).returning(THINGS.c.status),
    update(THINGS).values(status="x").where(THINGS.c.name == "status"),
    delete(THINGS).where(THINGS.c.status.in_(select(THINGS.c.name))),
    select(func.count()).select_from(select(THINGS.c.status).subquery("name")),
    select(case((THINGS.c.status == "a", 1), else_=2).label("order")),
    select(Thing.status).order_by(Thing.status),
]

NAMED = [
    select(STATUS),
    select(THINGS.c.status).join(STATUS, STATUS.c.id == THINGS.c.status_id),
    select(THINGS).where(exists().where(STATUS.c.id == THINGS.c.status_id)),
    select(THINGS.c.id).where(THINGS.c.id.in_(select(ORDER.c.id))),
    select(select(STATUS.c.id).limit(1).scalar_subquery()),
    select(select(STATUS).cte("things2")),
    select(STATUS.alias("other")),
    union(select(THINGS.c.id), select(STATUS.c.id)),
    insert(STATUS).values(id=1),
    insert(THINGS).from_select(["id"], select(ORDER.c.id)),
    update(STATUS).values(id=1),
    delete(STATUS),
    update(THINGS).values(order=1).where(THINGS.c.id == STATUS.c.id),
    delete(THINGS).where(THINGS.c.id == STATUS.alias("things2").c.id),
    select(Thing),
    select(Thing).options(joinedload(Thing.state)),
    select(Thing.status).join(Thing.state),
    select(aliased(Status)),
    select(column("id")).select_from(table("status")),
    select(THINGS.c.id).select_from(text("status")),
    select(literal_column("(SELECT id FROM status)")),
    select(THINGS.c.id).where(text("EXISTS (SELECT FROM status)")),
    select(TENANT['odd"one']),
    select(TENANT["Group"]),
]

FREE_TEXT = [
    "SELECT * FROM things ORDER BY id",
    "SELECT id, status, name FROM things WHERE status = 'a' GROUP BY status, name ORDER BY name",
    "UPDATE things SET status = 'a', name = 'b'",
    "INSERT INTO things (status, name) VALUES (1, 2)",
    "SELECT t.status FROM things AS t JOIN other USING (status)",
    "SELECT * FROM things FOR UPDATE OF t",
    "DELETE FROM things WHERE name = 'x' RETURNING status",
]

NAMED_TEXT = [
    "SELECT * FROM status",
    'SELECT * FROM "order"',
    'SELECT * FROM things, "order" o',
    "SELECT * FROM things, status",
    "SELECT * FROM things JOIN status ON true",
    "SELECT * FROM things LEFT JOIN (status CROSS JOIN name) ON true",
    "SELECT * FROM public.status",
    'SELECT * FROM "public"."status"',
    "SELECT * FROM ONLY status",
    "SELECT * FROM/**/status",
    "INSERT INTO status VALUES (1)",
    "INSERT INTO/**/status VALUES (1)",
    "UPDATE status SET id = 1",
    "UPDATE ONLY public.status SET id = 1",
    "DELETE FROM things USING status",
    "MERGE INTO things USING status ON true WHEN MATCHED THEN DELETE",
    "TABLE status",
    "TRUNCATE things, status",
    "LOCK TABLE status",
    "COPY status TO STDOUT",
    "WITH x AS (SELECT * FROM STATUS) SELECT * FROM x",
    'SELECT * FROM U&"\\0073tatus"',
    'SELECT * FROM "odd""one"',
]


@pytest.mark.parametrize("statement", FREE, ids=str)
def test_a_column_or_a_word_is_no_table(statement: Any) -> None:
    compiled = statement.compile(dialect=DIALECT)
    assert FINDER.find(str(compiled), compiled) is None


@pytest.mark.parametrize("statement", NAMED, ids=str)
def test_a_table_is_found_wherever_it_is(statement: Any) -> None:
    compiled = statement.compile(dialect=DIALECT)
    assert FINDER.find(str(compiled), compiled) in NAMES


@pytest.mark.parametrize("statement", FREE_TEXT)
def test_in_text_a_name_elsewhere_is_no_table(statement: str) -> None:
    assert FINDER.find(statement, None) is None
    assert FINDER.find(statement, text(statement).compile(dialect=DIALECT)) is None


@pytest.mark.parametrize("statement", NAMED_TEXT)
def test_in_text_a_table_is_found_where_a_table_can_stand(statement: str) -> None:
    assert FINDER.find(statement, None) is not None
    assert FINDER.find(statement, text(statement.replace(":", r"\:")).compile(dialect=DIALECT)) is not None


def test_without_tenant_tables_nothing_is_found() -> None:
    assert TableFinder(MetaData()).find("SELECT * FROM status", None) is None
