"""Which objects a team may declare besides its models."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import (
    Comment,
    DatabaseSettings,
    Function,
    Grant,
    Policy,
    Role,
    RowSecurity,
    Service,
    Shared,
    TenantBase,
    TenantScoped,
    Trigger,
    View,
    errors,
)
from tenantry.postgres.objects import DatabaseObject, Extension


class Base(TenantBase, DeclarativeBase):
    pass


class Article(TenantScoped, Base):
    __tablename__ = "articles"
    tenant_id: Mapped[str]
    id: Mapped[int] = mapped_column(primary_key=True)


class Country(Shared, Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(primary_key=True)


def declared(*objects: DatabaseObject) -> frozenset[DatabaseObject]:
    return Service(name="shop", base=Base, settings=DatabaseSettings, objects=objects).declared_objects()


ACCEPTED = [
    Function("f", "BEGIN RETURN NEW; END"),
    Trigger("t", "articles", "f", events=("INSERT",)),
    View("v", "SELECT 1 AS one"),
    Policy("restrictive", "articles", roles=("shop_app",), using="true", permissive=False),
    Policy("of a report", "articles", roles=("bi_reader",), using="true"),
    Policy("shared", "countries", using="true"),
    RowSecurity("countries"),
    Role("bi_reader"),
    Grant("bi_reader", ("SELECT",), "articles"),
    Grant("shop_app", ("UPDATE",), "articles", column="id"),
    Grant("bi_reader", ("USAGE",), "public", kind="SCHEMA"),
    Comment("VIEW", "v", "text"),
]

REFUSED = {
    "a permissive policy of the application": (
        Policy("p", "articles", roles=("shop_app",), using="true"),
        "permissive=False",
    ),
    "a permissive policy for every role": (Policy("p", "articles", using="true"), "permissive=False"),
    "another tenant policy": (Policy("tenant_isolation_policy", "articles", permissive=False), "Keep one"),
    "a grant of the models": (Grant("shop_app", ("SELECT",), "articles"), "__privileges__"),
    "a grant to PUBLIC": (Grant("public", ("SELECT",), "articles"), "by its name"),
    "a grant on a function": (Grant("bi", ("EXECUTE",), "f()", kind="FUNCTION"), "execute=('bi',)"),
    "a role that bypasses policies": (Role("bi", bypass_rls=True), "Policy with roles=('bi',)"),
    "an extension": (Extension("citext"), "op.execute"),
}


def test_each_kind_is_declared_with_the_models() -> None:
    assert declared() | set(ACCEPTED) == declared(*ACCEPTED)


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_open_rows_or_is_never_found_is_refused(case: str) -> None:
    """With a remedy that names what to write."""
    item, remedy = REFUSED[case]
    with pytest.raises(errors.DeclarationError) as caught:
        declared(item)
    assert remedy in caught.value.remedy


def test_one_object_is_declared_once() -> None:
    view = View("v", "SELECT 1 AS one")
    with pytest.raises(errors.DeclarationError, match="also declared"):
        declared(view, dataclasses.replace(view, query="SELECT 2 AS one"))


def test_a_view_reads_with_the_rights_of_its_caller() -> None:
    """Only who writes security_invoker=False gets a view of its owner."""
    assert "security_invoker=true" in View("v", "SELECT 1;").create()[0]
    assert View("v", "SELECT 1 ; ").query == "SELECT 1"
    assert "WITH" not in View("v", "SELECT 1", security_invoker=False).create()[0]
