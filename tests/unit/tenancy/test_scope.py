"""A tenant is checked once, and its literal means itself and nothing else."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, SmallInteger, String, Uuid

from tenantry import errors
from tenantry.secrets.key_ring import KeyRing
from tenantry.tenancy.declarations import Tenancy
from tenantry.tenancy.scope import Scope, parse_tenant

ORGANIZATION = uuid.UUID("0b5e5a5c-3f4b-4f6e-9d9c-0e3f6a6f2b11")


@pytest.mark.parametrize("missing", [None, "", "   ", "\t"])
def test_no_tenant_is_its_own_error(missing: object) -> None:
    with pytest.raises(errors.TenantRequired):
        parse_tenant(missing, String(100))


@pytest.mark.parametrize(
    ("value", "column_type"),
    [
        ("a" * 101, String(100)),
        ("a\0b", String(100)),
        ("a\nb", String(100)),
        (" acme", String(100)),
        ("acme ", String(100)),
        (7, String(100)),
        ("not-a-uuid", Uuid()),
        ("1.0", BigInteger()),
        ("1_000", BigInteger()),
        (" 1", BigInteger()),
        ("\N{ARABIC-INDIC DIGIT ONE}", BigInteger()),
        (True, BigInteger()),
        (2**63, BigInteger()),
        (2**15, SmallInteger()),
    ],
)
def test_what_cannot_be_a_tenant_is_refused(value: object, column_type: object) -> None:
    with pytest.raises(errors.TenantInvalid):
        parse_tenant(value, column_type)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "column_type", "parsed"),
    [
        ("acme", String(100), "acme"),
        ("o'brien \\ co", String(100), "o'brien \\ co"),
        (str(ORGANIZATION), Uuid(), ORGANIZATION),
        (ORGANIZATION.hex.upper(), Uuid(), ORGANIZATION),
        ("-7", BigInteger(), -7),
        (7, BigInteger(), 7),
    ],
)
def test_spellings_of_a_tenant_come_out_as_one(value: object, column_type: object, parsed: object) -> None:
    assert parse_tenant(value, column_type) == parsed  # type: ignore[arg-type]


@given(st.text(min_size=1, max_size=100))
def test_the_binding_is_one_statement_with_one_literal(tenant: str) -> None:
    """Whatever a tenant is called, nothing of it can end the literal."""
    try:
        parsed = parse_tenant(tenant, String(100))
    except errors.TenancyError:
        return
    text = Scope(Tenancy(), parsed).preamble.removeprefix("SET LOCAL app.current_tenant_id = ")
    escaped = text.startswith("E")
    inner = text.removeprefix("E").removeprefix("'").removesuffix("'").replace("''", "")
    assert "'" not in inner
    assert escaped == ("\\" in tenant)
    assert not escaped or "\\" not in inner.replace("\\\\", "")


def test_no_tenant_means_no_binding() -> None:
    assert Scope(Tenancy()).preamble == ""


def test_a_scope_never_shows_its_keys() -> None:
    assert "key_ring" not in repr(Scope(Tenancy(), "acme", KeyRing.generate()))
