"""Every refusal says what to change, and the change is accepted. Each rule has a member in the table.

A member is a model that is refused, a piece of the remedy, and the change that the remedy asks for, made to the letter.
"""

from __future__ import annotations

import ast
import inspect
import traceback
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tenantry import errors
from tenantry.tenancy import declared_table, kinds, lookups, reference_rules, rules

MODULES: list[ModuleType] = [rules, reference_rules, kinds, declared_table, lookups]

HEAD = """
import datetime, uuid
from sqlalchemy import *
from sqlalchemy.orm import *
from tenantry import *
"""

BASE = """
class Base(TenantBase, DeclarativeBase):
    pass
"""

NOTE = """
class Note(TenantScoped, Base):
    __tablename__ = "notes"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
"""

ROOT = """
class Tenant(TenantRoot, Base):
    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
"""

TEAM = """
class Team(TenantScoped, Base):
    __tablename__ = "teams"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
"""


class Member(NamedTuple):
    """A refused model; each step is (what the remedy says, the old text, the new text)."""

    models: str
    steps: tuple[tuple[str, str, str], ...]


def member(models: str, *step: str) -> Member:
    """Return a member whose remedy is applied in one step: what it says, the old text, the new text."""
    remedy, old, new = step
    return Member(models, ((remedy, old, new),))


ARGUMENTS = '    __tablename__ = "notes"\n'

REFUSED = {
    "silent": member(NOTE.replace("TenantScoped, ", ""), "Add TenantScoped", "Note(Base)", "Note(TenantScoped, Base)"),
    "silent table": member(
        'Table("links", Base.metadata, Column("tenant_id", primary_key=True))',
        "pass info={'tenancy': TenantScoped}",
        "primary_key=True)",
        "primary_key=True), info={'tenancy': TenantScoped}",
    ),
    "no declaration": member(
        'Table("links", Base.metadata, Column("tenant_id", primary_key=True), info={"tenancy": "TenantScoped"})',
        "Pass the class TenantScoped",
        '"TenantScoped"',
        "TenantScoped",
    ),
    "setting": member(
        'class Other(TenantBase, DeclarativeBase):\n    tenancy = Tenancy(setting="tenant")',
        "such as app.current_tenant_id",
        '"tenant"',
        '"app.current_tenant_id"',
    ),
    "no column": member(
        'Table("links", Base.metadata, Column("id", Uuid, primary_key=True), info={"tenancy": TenantScoped})',
        "Add Column('tenant_id')",
        "primary_key=True)",
        "primary_key=True), Column('tenant_id')",
    ),
    "no column of a root": member(
        'class Tenant(TenantRoot, Base):\n    __tablename__ = "tenants"\n'
        "    id: Mapped[str] = mapped_column(primary_key=True)\n"
        "    region: Mapped[str] = mapped_column(primary_key=True)\n",
        "such as __tenant_key__ = 'id'",
        "    id:",
        "    __tenant_key__ = 'id'\n    id:",
    ),
    "NULL": member(
        NOTE + "    tenant_id: Mapped[str | None] = mapped_column(index=True)\n",
        "Set nullable=False on 'tenant_id'",
        "index=True",
        "index=True, nullable=False",
    ),
    "another type": member(
        BASE + NOTE + "    tenant_id: Mapped[uuid.UUID] = mapped_column(index=True)\n",
        "Set tenancy = Tenancy(column='tenant_id', type=Uuid()) on the base class",
        "    pass",
        "    tenancy = Tenancy(column='tenant_id', type=Uuid())",
    ),
    "another type, the other way": member(
        NOTE + "    tenant_id: Mapped[uuid.UUID] = mapped_column(index=True)\n",
        "or pass the type String(length=100) to the column",
        "mapped_column(index",
        "mapped_column(String(length=100), index",
    ),
    "primary key": member(
        NOTE.replace("uuid.UUID", "str"),
        "Set primary_key=True on 'tenant_id' too",
        "    id:",
        "    tenant_id: Mapped[str] = mapped_column(primary_key=True)\n    id:",
    ),
    "primary key, generated": member(
        NOTE.replace("uuid.UUID", "int").replace("primary_key=True", "primary_key=True, autoincrement=False"),
        "or let the server generate the key, as Identity() does",
        "autoincrement=False",
        "server_default=Identity()",
    ),
    "unique": member(
        NOTE + "    title: Mapped[str] = mapped_column(unique=True)\n",
        "Use UniqueConstraint('tenant_id', 'title') in __table_args__ instead",
        " = mapped_column(unique=True)",
        "\n    __table_args__ = (UniqueConstraint('tenant_id', 'title'),)",
    ),
    "unique, looked up": member(
        NOTE + "    title: Mapped[str] = mapped_column(unique=True)\n",
        "or find the tenant by this key: __lookups__ = (TenantLookup('title'),)",
        ARGUMENTS,
        ARGUMENTS + "    __lookups__ = (TenantLookup('title'),)\n",
    ),
    "unique index of SQL text": member(
        NOTE + "    title: Mapped[str]\n    __table_args__ = (Index('u', text('lower(title)'), unique=True),)\n",
        "Add 'tenant_id' as the first column of the index",
        "Index('u', ",
        "Index('u', 'tenant_id', ",
    ),
    "partitions": member(
        NOTE.replace('"notes"\n', '"notes"\n    __partitions__ = 500\n').replace(
            "    id", "    tenant_id: Mapped[str] = mapped_column(primary_key=True)\n    id"
        ),
        "Set __partitions__ to 256 or less",
        "500",
        "256",
    ),
    "key of partitions": member(
        NOTE.replace('"notes"\n', '"notes"\n    __partitions__ = 5\n'),
        "Set primary_key=True on 'tenant_id' too",
        "    id:",
        "    tenant_id: Mapped[str] = mapped_column(primary_key=True)\n    id:",
    ),
    "unique key of partitions": member(
        NOTE.replace('"notes"\n', '"notes"\n    __partitions__ = 5\n').replace(
            "    id", "    tenant_id: Mapped[str] = mapped_column(primary_key=True)\n    id"
        )
        + "    code: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)\n"
        + "    __table_args__ = (UniqueConstraint('code'),)\n",
        "Add 'tenant_id' as the first column of the key",
        "UniqueConstraint('code')",
        "UniqueConstraint('tenant_id', 'code')",
    ),
    "lookup": member(
        NOTE + "    __lookups__ = (TenantLookup('mail'),)\n    mail: Mapped[str]\n",
        "Add UniqueConstraint('mail') to __table_args__",
        "    __lookups__",
        "    __table_args__ = (UniqueConstraint('mail'),)\n    __lookups__",
    ),
    "lookup of no such column": member(
        NOTE + "    __lookups__ = (TenantLookup('email'),)\n    mail: Mapped[str] = mapped_column(unique=True)\n",
        "Pass the names of the table's columns to TenantLookup",
        "'email'",
        "'mail'",
    ),
    "lookup of a type": member(
        NOTE
        + "    __lookups__ = (TenantLookup('day'),)\n    day: Mapped[datetime.date] = mapped_column(unique=True)\n",
        "Use a string, uuid or integer column",
        "datetime.date",
        "str",
    ),
    "reference to no model": member(
        NOTE + "    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('teams.id'))\n",
        "Load the module with that model",
        "class Note",
        TEAM + "\nclass Note",
    ),
    "reference from a table without tenants": member(
        TEAM
        + NOTE.replace("TenantScoped", "Global")
        + "    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('teams.id'))\n",
        "Declare 'notes' as TenantScoped",
        "Global",
        "TenantScoped",
    ),
    "reference to another tenant": member(
        ROOT + NOTE + "    partner_id: Mapped[str] = mapped_column(ForeignKey('tenants.id'))\n",
        "Remove the foreign key",
        "ForeignKey('tenants.id')",
        "",
    ),
    "reference with another column as tenant": member(
        TEAM
        + NOTE
        + "    team_id: Mapped[str]\n"
        + "    __table_args__ = (ForeignKeyConstraint(['team_id', 'tenant_id'], ['teams.id', 'teams.code']),)\n",
        "Use ForeignKeyConstraint(['tenant_id', 'team_id'], ['teams.tenant_id', 'teams.id'])",
        "ForeignKeyConstraint(['team_id', 'tenant_id'], ['teams.id', 'teams.code'])",
        "ForeignKeyConstraint(['tenant_id', 'team_id'], ['teams.tenant_id', 'teams.id'])",
    ),
    "reference to no key": member(
        TEAM + NOTE + "    team: Mapped[str] = mapped_column(ForeignKey('teams.code'))\n",
        "Add UniqueConstraint('tenant_id', 'code') to __table_args__ of the model of 'teams'",
        "    code: Mapped[str]\n",
        "    code: Mapped[str]\n    __table_args__ = (UniqueConstraint('tenant_id', 'code'),)\n",
    ),
    "SET NULL of the tenant": member(
        TEAM
        + NOTE
        + "    team_id: Mapped[uuid.UUID | None] = mapped_column("
        + "ForeignKey('teams.id', ondelete='SET NULL (tenant_id, team_id)'))\n",
        "Set ondelete='SET NULL' without a list",
        "'SET NULL (tenant_id, team_id)'",
        "'SET NULL'",
    ),
    "SET NULL of what is NOT NULL": member(
        TEAM + NOTE + "    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('teams.id', ondelete='SET NULL'))\n",
        "Set nullable=True on 'team_id'",
        "ondelete='SET NULL')",
        "ondelete='SET NULL'), nullable=True",
    ),
    "ON UPDATE": member(
        TEAM
        + NOTE
        + "    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('teams.id', onupdate='SET DEFAULT'))\n",
        "Set onupdate='CASCADE'",
        "'SET DEFAULT'",
        "'CASCADE'",
    ),
    "cascade from a table of all": member(
        TEAM.replace("Team(TenantScoped", "Tide(Global").replace("teams", "tides")
        + NOTE
        + "    tide_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('tides.id', ondelete='CASCADE'))\n",
        "Remove ondelete from the foreign key",
        ", ondelete='CASCADE'",
        "",
    ),
    "MATCH FULL": member(
        TEAM + NOTE + "    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey('teams.id', match='FULL'))\n",
        "Remove match='FULL'",
        ", match='FULL'",
        "",
    ),
    "type of the tenant": member(
        BASE.replace("    pass", "    tenancy = Tenancy(type=Numeric())") + NOTE,
        "Use String, Text, Uuid, BigInteger or Integer",
        "Numeric",
        "BigInteger",
    ),
}


def check(models: str) -> Any:
    """Load a module of models as a service does."""
    namespace: dict[str, Any] = {"__name__": "models_of_a_test"}
    text = HEAD + ("" if BASE.splitlines()[1] in models else BASE) + models
    # Without this file's own `from __future__ import annotations`.
    exec(compile(text, "models", "exec", dont_inherit=True), namespace)  # noqa: S102  # a member of the table
    rules.check_declarations(namespace["Base"].metadata)
    return namespace


@pytest.mark.parametrize("name", REFUSED)
def test_a_remedy_applied_to_the_letter_is_accepted(name: str) -> None:
    refused = REFUSED[name]
    models = refused.models
    assert len(refused.steps) <= 2
    for said, old, new in refused.steps:
        with pytest.raises(errors.DeclarationError) as caught:
            check(models)
        assert said in caught.value.remedy
        assert caught.value.why or said.startswith(("Pass", "Use"))
        assert old in models
        models = models.replace(old, new)
    check(models)


def lines_that_refuse(module: ModuleType) -> set[tuple[str, int]]:
    """Return the places of a module where a DeclarationError is made."""
    tree = ast.parse(inspect.getsource(module))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"refuse", "errors.DeclarationError"}:
            found.add((module.__name__, node.lineno))
    return found


def test_every_refusal_is_in_the_table() -> None:
    """A rule without a member would have a remedy that was never tried."""
    reached: set[tuple[str, int]] = set()
    for refused in REFUSED.values():
        with pytest.raises(errors.DeclarationError) as caught:
            check(refused.models)
        for frame in traceback.walk_tb(caught.value.__traceback__):
            reached.add((frame[0].f_globals["__name__"], frame[1]))
    missing = set().union(*map(lines_that_refuse, MODULES)) - reached
    assert missing == set()
