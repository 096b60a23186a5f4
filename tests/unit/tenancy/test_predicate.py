"""The explicit predicate stands where it filters and changes no answer."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry.tenancy.declarations import Shared, Tenancy, TenantBase, TenantScoped
from tenantry.tenancy.predicate import with_predicates
from tenantry.tenancy.scope import Scope

SCOPE = Scope(Tenancy(), "acme")


class Base(TenantBase, DeclarativeBase):
    pass


class Order(TenantScoped, Base):
    __tablename__ = "orders"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]


class Line(TenantScoped, Base):
    __tablename__ = "lines"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID]


class Currency(Shared, Base):
    __tablename__ = "currencies"
    code: Mapped[str] = mapped_column(primary_key=True)


tables = Base.metadata.tables
orders, lines, currencies = tables["orders"], tables["lines"], tables["currencies"]


def render(statement: object) -> str:
    rewritten = with_predicates(statement, SCOPE)  # type: ignore[arg-type]
    compiled = rewritten.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return " ".join(str(compiled).split())


def test_a_select_is_filtered() -> None:
    assert render(select(orders.c.id)).endswith("WHERE orders.tenant_id = 'acme'")


def test_an_alias_is_filtered_under_its_own_name() -> None:
    other = orders.alias("o")
    assert render(select(other.c.id)).endswith("WHERE o.tenant_id = 'acme'")


def test_an_inner_join_filters_both_sides() -> None:
    text = render(select(orders.c.id).join(lines, lines.c.order_id == orders.c.id))
    assert "orders.tenant_id = 'acme'" in text
    assert "lines.tenant_id = 'acme'" in text


def test_an_outer_join_keeps_its_unmatched_rows() -> None:
    """The joined side is filtered in ON: in WHERE it would turn the outer join into an inner one."""
    text = render(select(orders.c.id).select_from(orders.outerjoin(lines, lines.c.order_id == orders.c.id)))
    on, where = text.split(" WHERE ")
    assert "lines.tenant_id = 'acme'" in on
    assert where == "orders.tenant_id = 'acme'"


def test_an_outer_join_by_method_keeps_its_unmatched_rows() -> None:
    on, where = render(select(orders.c.id).join(lines, lines.c.order_id == orders.c.id, isouter=True)).split(" WHERE ")
    assert "lines.tenant_id = 'acme'" in on
    assert where == "orders.tenant_id = 'acme'"


def test_a_full_join_by_method_is_left_to_the_policy() -> None:
    assert "tenant_id" not in render(select(orders.c.id).join(lines, lines.c.order_id == orders.c.id, full=True))


def test_a_full_join_is_left_to_the_policy() -> None:
    text = render(select(orders.c.id).select_from(orders.join(lines, lines.c.order_id == orders.c.id, full=True)))
    assert "tenant_id" not in text


@pytest.mark.parametrize(
    "statement",
    [
        select(select(orders.c.id).subquery().c.id),
        select(currencies.c.code).where(currencies.c.code.in_(select(func.cast(orders.c.id, currencies.c.code.type)))),
        select(select(orders.c.id).cte("picked").c.id),
        select(select(func.count()).select_from(orders).scalar_subquery()),
    ],
    ids=["subquery", "in", "cte", "scalar"],
)
def test_nested_selects_are_filtered(statement: Select[tuple[object]]) -> None:
    assert render(statement).count("orders.tenant_id = 'acme'") == 1


def test_updates_and_deletes_are_filtered() -> None:
    assert render(update(orders).values(id=uuid.uuid4())).endswith("WHERE orders.tenant_id = 'acme'")
    assert render(delete(orders)).endswith("WHERE orders.tenant_id = 'acme'")


def test_what_touches_no_tenant_table_is_sent_as_it_is() -> None:
    statement = select(currencies)
    assert with_predicates(statement, SCOPE) is statement
    inserting = insert(orders).values(id=uuid.uuid4())
    assert with_predicates(inserting, SCOPE) is inserting


def test_the_statement_that_was_given_is_not_changed() -> None:
    """Statements are shared between requests; a predicate left in one would follow it to the next tenant."""
    statement = select(orders.c.id)
    with_predicates(statement, SCOPE)
    assert "tenant_id" not in str(statement)
