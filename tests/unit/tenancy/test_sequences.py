"""Which sequences the columns of a table draw from, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Integer,
    MetaData,
    Sequence,
    SmallInteger,
    String,
    Table,
    Uuid,
    func,
    text,
)

from tenantry import Roles
from tenantry.postgres.catalog import DrawnSequence
from tenantry.postgres.objects import Grant, Serial
from tenantry.postgres.objects import Sequence as DeclaredSequence
from tenantry.postgres.tables.compiling import is_serial
from tenantry.tenancy.declarations import INFO_KEY, Declaration, Kind
from tenantry.tenancy.sequences import (
    declared_sequences,
    drawn_sequences,
    sequence_grants,
    serial_columns,
    with_found_names,
)

ROLES = Roles("o", "app", "admin")


def table(
    *columns: Column[Any], privileges: tuple[str, ...] = ("INSERT", "SELECT"), schema: str | None = None
) -> Table:
    info = {INFO_KEY: Declaration(Kind.GLOBAL, None, privileges)}
    return Table("t", MetaData(), *columns, info=info, schema=schema)


def key(*arguments: Any, **keywords: Any) -> Column[Any]:
    return Column("id", *arguments, primary_key=True, **keywords)


@pytest.mark.parametrize(
    ("column", "size"),
    [
        (key(Integer), "integer"),
        (key(BigInteger), "bigint"),
        (key(SmallInteger), "smallint"),
        (key(Integer().with_variant(BigInteger, "postgresql")), "bigint"),
        (key(Integer, Sequence("n", optional=True)), "integer"),
        (key(Integer, autoincrement=True), "integer"),
        (key(Integer, Identity()), ""),
        (key(Integer, autoincrement=False), ""),
        (key(Integer, default=3), ""),
        (key(Integer, server_default="3"), ""),
        (key(Integer, Sequence("n")), ""),
        (key(Uuid), ""),
        (key(String), ""),
    ],
)
def test_a_column_is_serial_where_sqlalchemy_makes_it_so(column: Column[Any], size: str) -> None:
    made = table(column)
    assert is_serial(made.c.id) is bool(size)
    expected = {("public", "t", "id"): Serial("t", "id", "t_id_seq", size)} if size else {}
    assert serial_columns(made.metadata) == expected


@pytest.mark.parametrize(
    ("keywords", "found"),
    [
        ({"server_default": text("nextval('numbers')")}, {("public", "numbers")}),
        ({"server_default": text("nextval('Numbers'::regclass) + 1")}, {("public", "numbers")}),
        ({"server_default": text("""nextval('crm."It''s ""Odd"".x"')""")}, {("crm", 'It\'s "Odd".x')}),
        ({"server_default": text("coalesce(NEXTVAL( 'a' ), nextval('b'))")}, {("public", "a"), ("public", "b")}),
        ({"server_default": func.nextval("numbers")}, {("public", "numbers")}),
        ({"server_default": Sequence("Numbers", schema="crm").next_value()}, {("crm", "Numbers")}),
        ({"default": Sequence("numbers")}, {("public", "numbers")}),
        ({"default": func.nextval("100% of it")}, {("public", "100% of it")}),
        ({"default": Sequence("numbers").next_value() * 2}, {("public", "numbers")}),
        ({"onupdate": Sequence("numbers")}, {("public", "numbers")}),
        ({"server_default": "nextval('a constant')"}, set()),
        ({"default": lambda: 3}, set()),
        ({"server_default": func.now()}, set()),
        ({}, set()),
    ],
)
def test_the_sequences_of_defaults_are_known(keywords: dict[str, Any], found: set[tuple[str, str]]) -> None:
    made = table(Column("number", BigInteger, **keywords))
    assert drawn_sequences(made.metadata) == found


@pytest.mark.parametrize(
    ("keywords", "privileges", "roles"),
    [
        ({"default": Sequence("n")}, ("INSERT",), {"admin", "app"}),
        ({"default": Sequence("n")}, ("SELECT", "UPDATE"), {"admin"}),
        ({"onupdate": Sequence("n").next_value()}, ("INSERT",), {"admin"}),
        ({"onupdate": Sequence("n").next_value()}, ("UPDATE",), {"admin", "app"}),
    ],
)
def test_who_may_write_the_column_may_draw(
    keywords: dict[str, Any], privileges: tuple[str, ...], roles: set[str]
) -> None:
    made = table(Column("number", BigInteger, **keywords), privileges=privileges)
    assert set(sequence_grants(made.metadata, ROLES)) == {Grant(role, ("USAGE",), "n", "SEQUENCE") for role in roles}


def test_a_declared_sequence_keeps_its_options() -> None:
    metadata = MetaData()
    options: dict[str, Any] = {"start": 5, "increment": -1, "minvalue": -9, "maxvalue": 7, "cache": 3, "cycle": True}
    Sequence("n", schema="crm", data_type=Integer, metadata=metadata, **options)
    Sequence("unused", metadata=metadata, optional=True)
    assert list(declared_sequences(metadata)) == [DeclaredSequence("n", "crm", "integer", 5, -1, -9, 7, 3, cycle=True)]
    assert list(sequence_grants(metadata, ROLES)) == [Grant("admin", ("USAGE",), "n", "SEQUENCE", "crm")]


def test_a_sequence_in_a_default_alone_is_declared() -> None:
    made = table(Column("number", BigInteger, server_default=Sequence("n").next_value()))
    assert list(declared_sequences(made.metadata)) == [DeclaredSequence("n")]


def test_the_sequence_of_a_serial_column_is_in_the_schema_of_its_table() -> None:
    made = table(key(Integer), schema="crm")
    assert Grant("app", ("USAGE",), "t_id_seq", "SEQUENCE", "crm") in set(sequence_grants(made.metadata, ROLES))


def test_declared_privileges_are_on_the_sequence_that_is_drawn_from() -> None:
    """Names that change places do not meet."""
    metadata = MetaData()
    info = {INFO_KEY: Declaration(Kind.GLOBAL, None, ("INSERT",))}
    for name in ("a", "b"):
        Table(name, metadata, key(Integer), info=info)
    declared = frozenset(sequence_grants(metadata, ROLES)) - {Grant("admin", ("USAGE",), "b_id_seq", "SEQUENCE")}
    found = {
        ("public", "a", "id"): DrawnSequence("public", "b_id_seq", is_owned=True),
        ("public", "b", "id"): DrawnSequence("other", "a_id_seq", is_owned=True),
    }
    assert with_found_names(declared, metadata, found) == {
        Grant("admin", ("USAGE",), "b_id_seq", "SEQUENCE"),
        Grant("app", ("USAGE",), "b_id_seq", "SEQUENCE"),
        Grant("app", ("USAGE",), "a_id_seq", "SEQUENCE", "other"),
    }
