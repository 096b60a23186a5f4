"""Exclusion constraints of tenant tables are refused unless they compare the tenant column by `=`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql import TSRANGE, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Global, TenantBase, TenantScoped, errors
from tenantry.tenancy.rules import check_declarations

ACROSS: dict[str, Any] = {
    "no tenant": [("during", "&&")],
    "another column": [("room", "="), ("during", "&&")],
    "different tenants": [("tenant_id", "<>"), ("room", "=")],
    "an expression over the tenant": [(func.lower(Column("tenant_id")), "="), ("during", "&&")],
    "SQL text over the tenant": [(text("lower(tenant_id)"), "="), ("during", "&&")],
    "a range from the tenant": [(text("int8range(tenant_id, room, '[]')"), "="), ("during", "&&")],
    "ranges of tenants that overlap": [(text("int8range(tenant_id, tenant_id, '[]')"), "&&"), ("during", "&&")],
}
WITHIN: dict[str, Any] = {
    "the tenant first": [("tenant_id", "="), ("during", "&&")],
    "the tenant last": [("during", "&&"), ("tenant_id", "=")],
    "the tenant as a column": [(Column("tenant_id"), "="), ("during", "&&")],
    "the tenant as SQL text": [(text('"tenant_id"'), "="), ("during", "&&")],
    "the tenant's range, without btree_gist": [(text("int8range(tenant_id, tenant_id, '[]')"), "="), ("during", "&&")],
}


def check(declaration: type, elements: list[Any]) -> None:
    class Base(TenantBase, DeclarativeBase):
        pass

    class Booking(declaration, Base):  # type: ignore[misc]
        __tablename__ = "bookings"
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "room"), ExcludeConstraint(*elements))
        tenant_id: Mapped[str]
        room: Mapped[int] = mapped_column(autoincrement=False)
        during: Mapped[Any] = mapped_column(TSRANGE)

    check_declarations(Base.metadata)


@pytest.mark.parametrize("elements", ACROSS.values(), ids=ACROSS)
def test_a_conflict_across_tenants_is_refused(elements: list[Any]) -> None:
    """Its error would tell that another tenant's row exists; the remedy makes it acceptable."""
    with pytest.raises(errors.DeclarationError, match="'bookings' has an exclusion constraint") as caught:
        check(TenantScoped, elements)
    assert "('tenant_id', '=')" in caught.value.remedy
    check(TenantScoped, [("tenant_id", "="), *elements])


@pytest.mark.parametrize("elements", WITHIN.values(), ids=WITHIN)
def test_a_conflict_within_a_tenant_is_accepted(elements: list[Any]) -> None:
    check(TenantScoped, elements)


def test_a_table_without_rows_of_tenants_has_any_exclusion() -> None:
    check(Global, ACROSS["no tenant"])
