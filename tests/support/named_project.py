"""The module of a project with one parent and one child table, whose names are what a test gives.

Both tables have a key, a lookup, an index, a check and a trigger; the child refers to the parent. So every name that is
made of the names of tables and columns occurs.
"""

from __future__ import annotations

import dataclasses

__all__ = ["NAMES", "Names"]

_MODULE = """
from __future__ import annotations

import uuid
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, MetaData, PrimaryKeyConstraint, String
from sqlalchemy import Integer, column, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, Roles, Service, Shared, Tenancy, TenantBase, TenantLookup, TenantScoped
from tenantry import Timestamps

ROLES = Roles("{prefix}_owner", "{prefix}_app", "{prefix}_admin")
CHILD_SCHEMA = @child_schema@


class Base(TenantBase, DeclarativeBase):
    @metadata@
    tenancy = Tenancy(column=@tenant@)


class Parent(TenantScoped, Timestamps, Base):
    __tablename__ = @table@
    __partitions__ = @partitions@
    __lookups__ = @lookups@
    __table_args__ = (
        PrimaryKeyConstraint(@tenant@, @key@),
        Index(None, @tenant@, @column@, @key@),
        CheckConstraint(column(@column@) != "refused", name="check"),
        {{"schema": @schema@}},
    )
    id: Mapped[uuid.UUID] = mapped_column(@key@, server_default=func.gen_random_uuid())
    token: Mapped[str] = mapped_column(@column@, String(40)@unique@)


class Child(TenantScoped, Timestamps, Base):
    __tablename__ = @child@
    __partitions__ = @child_partitions@
    __table_args__ = (
        PrimaryKeyConstraint(@tenant@, @column@),
        ForeignKeyConstraint([@tenant@, @key@], @target@),
        {{"schema": CHILD_SCHEMA}},
    )
    number: Mapped[int] = mapped_column(@column@, Integer, autoincrement=True)
    parent: Mapped[uuid.UUID] = mapped_column(@key@)


class Kind(Shared, Base):
    __tablename__ = @kind@
    __table_args__ = {{"schema": @schema@}}
    id: Mapped[int] = mapped_column(@key@, primary_key=True)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")


service = Service(
    name="{database}",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="{module}:app",
    roles=ROLES,
)
"""


@dataclasses.dataclass(frozen=True)
class Names:
    """The names of one project; `of_metadata` is the schema of the MetaData."""

    table: str = "books"
    child: str = "loans"
    key: str = "id"
    column: str = "token"
    tenant: str = "tenant_id"
    schema: str | None = None
    child_schema: str | None = None
    of_metadata: str | None = None
    kind: str = "kinds"
    partitions: int = 0
    child_partitions: int = 0

    @property
    def module(self) -> str:
        """The module's text, as the fixture `module_text` returns it."""
        own = "" if self.of_metadata is None else f"metadata = MetaData(schema={self.of_metadata!r})"
        values = {field.name: repr(getattr(self, field.name)) for field in dataclasses.fields(self)}
        # A partitioned table cannot have a unique key without the tenant, which a lookup needs.
        values |= {"metadata": own, "unique": "" if self.partitions else ", unique=True"}
        values["lookups"] = "()" if self.partitions else f"(TenantLookup({self.column!r}),)"
        dotted = ".".join(filter(None, (self.schema, self.table)))
        values["target"] = repr([f"{dotted}.{self.tenant}", f"{dotted}.{self.key}"])
        text = _MODULE
        for name, value in values.items():
            text = text.replace(f"@{name}@", value.replace("{", "{{").replace("}", "}}"))
        return text


def _everywhere(name: str, partitions: int = 0) -> Names:
    """Give a name to everything."""
    return Names(
        table=f"{name} table",
        child=f"{name} child",
        key=f"{name} id",
        column=f"{name} token",
        tenant=f"{name} tenant",
        schema=f"{name} schema",
        child_schema=f"{name} schema",
        kind=f"{name} kind",
        partitions=partitions,
        child_partitions=partitions,
    )


NAMES = {
    "plain": Names(),
    "second schema": Names(schema="crm", child_schema="crm"),
    "parent in a second schema": Names(schema="crm"),
    "child in a second schema": Names(child_schema="crm"),
    "two more schemas": Names(schema="crm", child_schema="billing"),
    "MetaData(schema=)": Names(of_metadata="crm", schema="crm", child_schema="crm"),
    "MetaData(schema='public')": Names(of_metadata="public", schema="public", child_schema="public"),
    "schema public": Names(schema="public", child_schema="public"),
    "schema public for one": Names(schema="public", child_schema="crm"),
    "Prisma": Names("BookShelf", "BookLoan", "shelfId", "shareToken", "tenantId"),
    "Prisma in a schema": Names("BookShelf", "BookLoan", "shelfId", "shareToken", "tenantId", "Crm", "Billing"),
    "reserved": Names("order", "user", "group", "select", "table", "end", "all"),
    "space": _everywhere("a b"),
    "quote": _everywhere('a"b'),
    "quotes at the ends": Names('"books"', '"loans"', '"id"', '"token"', '"tenant"', '"crm"', '"crm"'),
    "apostrophe": _everywhere("jack's"),
    "percent": _everywhere("5%s%(x)s%%"),
    "colon": _everywhere("a:b ::c"),
    "backslash": _everywhere("a\\b\\n"),
    "brackets": _everywhere("a(b)[c]{d} x) REFERENCES y("),
    "dollar": _everywhere("$a$ $1 $$"),
    "not ASCII": _everywhere("größe 名前 🐘"),
    "looks like SQL": _everywhere('x"; DROP TABLE y; --'),
    "partitions": Names(partitions=2),
    "both in partitions": Names(partitions=2, child_partitions=3),
    "partitions in a second schema": Names("BookShelf", "loans", schema="Crm", child_schema="Billing", partitions=2),
    "partitions with odd names": _everywhere("a'\"% b", partitions=2),
    "47 characters": Names(
        "customer_subscription_billing_history_events_v2", "customer_subscription_billing_events_v3"
    ),
    "63 bytes": Names("t" * 63, "u" * 63, "k" * 63, "c" * 63, "n" * 63, "s" * 63, "s" * 62 + "z"),
    "63 bytes that end alike": Names("t" * 63, "t" * 62 + "u", "k" * 63, "k" * 62 + "l", partitions=3),
    "63 bytes, not ASCII": Names("ä" * 31, "ö" * 31, "é" * 31, "名" * 21, "ñ" * 31, "ß" * 31, "ß" * 30),
    "63 bytes in partitions": Names("t" * 63, "ö" * 31, partitions=12, child_partitions=2),
}
