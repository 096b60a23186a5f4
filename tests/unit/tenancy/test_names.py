"""Names are checked in bytes when models are loaded, and names that are made of names fit."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable

from tenantry import Global, Roles, TenantBase, TenantScoped, errors
from tenantry.sql import LONGEST_NAME, as_printed, shortened
from tenantry.tenancy.declarations import INFO_KEY, Declaration, Kind
from tenantry.tenancy.names import check_names
from tenantry.tenancy.rules import check_declarations

LONG = "n" * (LONGEST_NAME + 1)
# 40 characters, 80 bytes.
UMLAUTS = "\u00e4" * 40


INFO = {INFO_KEY: Declaration(Kind.GLOBAL, None, ())}


def table(*items: Any, name: str = "books", schema: str | None = None) -> MetaData:
    metadata = MetaData()
    Table(name, metadata, Column("id", Integer, primary_key=True), *items, schema=schema, info=INFO)
    return metadata


@pytest.mark.parametrize("name", [LONG, UMLAUTS])
@pytest.mark.parametrize(
    ("make", "owner"),
    [
        (lambda name: table(name=name), "a table"),
        (lambda name: table(schema=name), "the schema of table 'books'"),
        (lambda name: table(Column(name, Integer)), "a column of table 'books'"),
        (lambda name: table(Column("kind", Enum("a", name=name))), "the type of a column of table 'books'"),
        (lambda name: table(Index(name, "id")), "an index of table 'books'"),
        (lambda name: table(CheckConstraint("id > 0", name=name)), "a constraint of table 'books'"),
        (lambda name: table(UniqueConstraint("id", name=name)), "a constraint of table 'books'"),
    ],
)
def test_a_name_that_postgresql_would_cut_is_refused(make: Any, owner: str, name: str) -> None:
    with pytest.raises(errors.DeclarationError) as caught:
        check_names(make(name))
    assert str(caught.value) == (
        f"The name {name!r} of {owner} is {len(name.encode())} bytes long. PostgreSQL would cut it to 63 bytes. "
        "Choose a name of at most 63 bytes."
    )
    check_names(make(name.encode()[:LONGEST_NAME].decode(errors="ignore")))


def test_a_sequence_of_its_own_is_checked() -> None:
    metadata = MetaData()
    Sequence(LONG, metadata=metadata)
    with pytest.raises(errors.DeclarationError, match="of a sequence is 64 bytes long"):
        check_names(metadata)


def test_names_are_checked_with_the_declarations() -> None:
    class Base(TenantBase, DeclarativeBase): ...

    class Book(Global, Base):
        __tablename__ = LONG
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(errors.DeclarationError, match="of a table is 64 bytes long"):
        check_declarations(Base.metadata)


def test_a_role_name_is_checked() -> None:
    with pytest.raises(errors.DeclarationError, match="is 64 bytes long"):
        Roles(LONG, "app", "admin")


@pytest.mark.parametrize("name", ["a\nb", "a\0b"])
def test_a_name_that_cannot_be_printed_is_refused(name: str) -> None:
    with pytest.raises(errors.DeclarationError, match="contains a control character"):
        check_names(table(Column(name, Integer)))


@pytest.mark.parametrize("schema", ["pg_books", "information_schema"])
def test_a_schema_of_the_server_is_refused(schema: str) -> None:
    with pytest.raises(errors.DeclarationError, match="reserves this name"):
        check_names(table(schema=schema))


@pytest.mark.parametrize(("target", "column"), [("a.b", "id"), ("books", "a.b"), ("books", "a,b")])
def test_a_reference_that_alembic_cannot_write_is_refused(target: str, column: str) -> None:
    metadata = MetaData()
    key = Column(column, Integer, primary_key=True)
    Table(target, metadata, key, info=INFO)
    Table("loans", metadata, Column("id", Integer, ForeignKey(key), primary_key=True), info=INFO)
    with pytest.raises(errors.DeclarationError, match="contain a dot or a comma"):
        check_names(metadata)


def test_a_table_with_the_name_of_a_partition_is_refused() -> None:
    class Base(TenantBase, DeclarativeBase): ...

    class Book(TenantScoped, Base):
        __tablename__ = "books"
        __partitions__ = 2
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
        id: Mapped[int] = mapped_column(autoincrement=False)

    class Other(Global, Base):
        __tablename__ = "books_p1"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(errors.DeclarationError, match="has the name of a partition of another table"):
        check_names(Base.metadata)


def test_a_table_that_two_models_have_is_refused() -> None:
    metadata = table()
    Table("books", metadata, Column("id", Integer, primary_key=True), schema="public", info=INFO)
    with pytest.raises(errors.DeclarationError, match=r"Two models have the table 'public\.books'"):
        check_names(metadata)


@pytest.mark.parametrize("name", ["short", "n" * LONGEST_NAME, LONG, UMLAUTS, "\U0001f418" * 30])
def test_a_shortened_name_fits_and_is_always_the_same(name: str) -> None:
    made = shortened(name)
    assert len(made.encode()) <= LONGEST_NAME
    assert made == shortened(name)
    assert (made == name) == (len(name.encode()) <= LONGEST_NAME)


def test_shortened_names_that_begin_alike_stay_different() -> None:
    names = {shortened(f"{'n' * 60}_{number}") for number in range(10_000)}
    assert len(names) == 10_000


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("books", "books"),
        ("_b1", "_b1"),
        ("1b", '"1b"'),
        ("Books", '"Books"'),
        ("user", '"user"'),
        ("values", '"values"'),
        ("key", "key"),
        ('a"b', '"a""b"'),
        ("\u00e4", '"\u00e4"'),
        ("a$b", '"a$b"'),
    ],
)
def test_a_name_is_printed_as_the_server_prints_it(name: str, printed: str) -> None:
    assert as_printed(name) == printed


@pytest.mark.parametrize(
    "own", [None, {"pk": "key_of_%(table_name)s"}, {PrimaryKeyConstraint: "key_of_%(table_name)s"}]
)
def test_names_of_constraints_fit_whatever_the_convention(own: Any) -> None:
    """The metadata may be the service's own, with a convention or without; what is missing is completed."""

    class Base(TenantBase, DeclarativeBase):
        metadata = MetaData(schema="crm", naming_convention=own)

    class Parent(Global, Base):
        __tablename__ = "p" * 63
        id: Mapped[int] = mapped_column("i" * 63, primary_key=True)
        code: Mapped[str] = mapped_column("\u00e4" * 31, unique=True)
        title: Mapped[str] = mapped_column("t" * 63, index=True)

    class Child(Global, Base):
        __tablename__ = "c" * 63
        __table_args__ = (ForeignKeyConstraint(["k" * 63], [f"crm.{'p' * 63}.{'i' * 63}"]),)
        id: Mapped[int] = mapped_column(primary_key=True)
        parent: Mapped[int] = mapped_column("k" * 63)

    check_declarations(Base.metadata)
    tables = Base.metadata.sorted_tables
    names = [str(item.name) for each in tables for item in each.constraints]
    names += [str(item.name) for each in tables for item in each.indexes]
    assert len(set(names)) == len(names) == 5
    assert all(len(name.encode()) <= LONGEST_NAME for name in names)
    beginnings = {name[:3] for name in names}
    assert beginnings == ({"pk_", "uq_", "ix_", "fk_"} if own is None else {"key", "uq_", "ix_", "fk_"})
    # SQLAlchemy writes them unchanged.
    written = "".join(str(CreateTable(each)) for each in tables)
    written += "".join(str(CreateIndex(index)) for each in tables for index in each.indexes)
    assert all(name in written for name in names)
