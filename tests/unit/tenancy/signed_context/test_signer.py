"""What the application signs is what the database verifies, and is seen by nobody on its way."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import BigInteger, String, Uuid
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from tenantry import DatabaseSettings, Tenancy, TenantBase, TenantScoped, errors
from tenantry.secrets import KeyRing, SigningRing
from tenantry.tenancy.declarations import Kind, declaration_of
from tenantry.tenancy.policy import tenant_predicate
from tenantry.tenancy.scope import Scope
from tenantry.tenancy.signed_context.accessor import KEYS_TABLE, claimed_tenant
from tenantry.tenancy.signed_context.signer import LIFETIME, Signer

RING = SigningRing({"k1": bytes(range(32)), "k0": bytes(32)}, "k1")
SIGNER = Signer(RING)
SIGNED = Tenancy(signed_context=True)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=50))
def test_the_parts_are_found_from_the_right(tenant: str) -> None:
    """Whatever a tenant holds, the separator too."""
    signed, _, code = SIGNER.value(tenant).rpartition("|")
    found, expiry, key = signed.rsplit("|", 2)
    assert (found, key, len(code)) == (tenant, "k1", 64)
    assert code == hmac.new(bytes(range(32)), signed.encode(), "sha256").hexdigest()
    assert 0 <= time.time() + LIFETIME - int(expiry) <= 2


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_two_hashes_over_the_blocks_are_the_code(key: bytes, message: bytes) -> None:
    """What the database computes with core SQL."""
    ring = SigningRing({"k": key}, "k")
    inner, outer = ring.blocks("k")
    assert len(inner) == len(outer) == 64
    assert hashed(outer + hashed(inner + message)) == ring.sign(message)


def hashed(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("shown", [100, 1024, 16384])
def test_as_many_spaces_stand_in_front_as_the_server_shows(shown: int) -> None:
    statement = dataclasses.replace(SIGNER, shown=shown).statement("app.t", "acme")
    assert statement.index("acme") > shown
    assert statement.index("SET LOCAL app.t = 'acme|") == shown


def test_beside_an_extension_that_records_the_value_is_a_parameter_s() -> None:
    """An extension keeps the constants of SET, and never records EXECUTE."""
    statement = dataclasses.replace(SIGNER, is_recorded=True).statement("app.t", "acme")
    prepare, execute, deallocate = (part.strip() for part in statement.split("; "))
    name = deallocate.removeprefix("DEALLOCATE ")
    assert name.startswith("tenantry_bind_")
    assert prepare == f"PREPARE {name}(text) AS SELECT pg_catalog.set_config('app.t', $1, true)"
    assert execute.startswith(f"EXECUTE {name}('acme|")
    assert statement.index("acme") > 1024


def test_a_statement_that_was_left_prepared_is_in_nobody_s_way() -> None:
    """A cancelled message leaves one behind, and injected SQL may plant one, on a connection that is used again."""
    signer = dataclasses.replace(SIGNER, is_recorded=True)
    names = {signer.statement("app.t", "acme").rpartition(" ")[2] for _ in range(3)}
    assert len(names) == 3


def test_a_quote_and_a_backslash_stay_inside_the_literal() -> None:
    statement = SIGNER.statement("app.t", r"o'hara\ ;").lstrip()
    assert statement.startswith(r"SET LOCAL app.t = E'o''hara\\ ;|")


def test_each_transaction_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = Scope(SIGNED, "acme", signer=SIGNER)
    first = scope.preamble
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5)
    assert scope.preamble != first


def test_without_a_tenant_nothing_is_bound() -> None:
    assert Scope(SIGNED, signer=SIGNER).preamble == ""


def test_what_signs_and_needs_no_signer_is_refused() -> None:
    """A scope that forgot its signer would bind a value that the database refuses; here it is named."""
    with pytest.raises(errors.ConfigurationError, match="signs"):
        _ = Scope(SIGNED, "acme").preamble
    assert Scope(Tenancy(), "acme").preamble == "SET LOCAL app.current_tenant_id = 'acme'"


def test_no_secret_is_shown() -> None:
    shown = f"{RING!r} {SIGNER!r} {Scope(SIGNED, 'acme', signer=SIGNER)!r}"
    assert "AAEC" not in shown
    assert bytes(range(32)).hex() not in shown
    assert repr(RING) == "SigningRing(ids=('k1', 'k0'))"


def test_a_signing_ring_is_no_key_ring() -> None:
    """A key that encrypts must not sign: the types do not stand in for each other."""
    assert not isinstance(RING, KeyRing)
    assert not hasattr(RING, "seal")


def test_the_settings_hold_both_rings_apart() -> None:
    settings = DatabaseSettings(context_keys=RING.text)
    ring = settings.signing_ring()
    assert ring is not None
    assert ring.ids == ("k1", "k0")
    assert settings.key_ring() is None


def test_a_malformed_key_is_named_by_its_variable_and_not_repeated() -> None:
    with pytest.raises(Exception, match="CONTEXT_KEYS") as refused:
        DatabaseSettings(context_keys=SecretStr("k1:short"))
    assert "short" not in str(refused.value)


def test_a_signing_service_has_a_table_of_keys_that_nobody_is_granted() -> None:
    class Base(TenantBase, DeclarativeBase):
        tenancy = SIGNED

    assert declaration_of(Base.metadata.tables[KEYS_TABLE]).kind is Kind.INTERNAL
    assert declaration_of(Base.metadata.tables[KEYS_TABLE]).privileges == ()


def test_an_unsigned_service_has_none() -> None:
    class Base(TenantBase, DeclarativeBase):
        pass

    assert KEYS_TABLE not in Base.metadata.tables


def test_the_column_s_default_takes_the_tenant_from_the_value() -> None:
    class Base(TenantBase, DeclarativeBase):
        tenancy = Tenancy(type=Uuid(), signed_context=True)

    class Thing(TenantScoped, Base):
        __tablename__ = "things"
        __mapper_args__ = {"primary_key": ["tenant_id"]}  # noqa: RUF012

    default = Thing.__table__.c.tenant_id.server_default
    assert str(default.arg) == f"({claimed_tenant('app.current_tenant_id')})::uuid"


@pytest.mark.parametrize(
    ("kind", "predicate"),
    [
        (String(), "((tenant_id)::text = ( SELECT public.bound_tenant() AS bound_tenant))"),
        (Uuid(), "(tenant_id = ( SELECT (public.bound_tenant())::uuid AS bound_tenant))"),
        (BigInteger(), "(tenant_id = ( SELECT (public.bound_tenant())::bigint AS bound_tenant))"),
    ],
    ids=str,
)
def test_the_policy_asks_the_accessor_once_a_statement(kind: TypeEngine[Any], predicate: str) -> None:
    assert tenant_predicate("tenant_id", "app.t", kind, accessor="public.bound_tenant") == predicate
