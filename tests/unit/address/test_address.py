"""An address can be written, hidden and handed to libpq's programs without a loss."""

from __future__ import annotations

import dataclasses
import pickle
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tenantry.address import TLS, Address, Host

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), min_size=1, max_size=20)
NAMES = st.one_of(
    st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=20),
    st.ip_addresses().map(str),
    st.text(string.ascii_letters + "/:@ %é", max_size=20).map("/".__add__),
)
PATHS = st.text(string.printable, min_size=1, max_size=20).filter(lambda text: text != "system")


@st.composite
def draw_tls(draw: st.DrawFn) -> TLS:
    mode = draw(st.sampled_from(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]))
    if mode in {"disable", "allow", "prefer"}:
        return TLS(mode)  # type: ignore[arg-type]  # drawn from the same words
    root = draw(PATHS if mode == "verify-ca" else st.none() | PATHS)
    certificate, key = draw(st.tuples(PATHS, PATHS) | st.just((None, None)))
    return TLS(mode, root, certificate, key)  # type: ignore[arg-type]


ADDRESSES = st.builds(
    Address,
    hosts=st.lists(st.builds(Host, NAMES, st.integers(1, 65535)), min_size=1, max_size=3).map(tuple),
    database=TEXT,
    user=TEXT,
    password=st.none() | TEXT.map(SecretStr),
    tls=draw_tls(),
    target_session_attrs=st.sampled_from(["any", "read-write", "prefer-standby"]),
    parameters=st.fixed_dictionaries(
        {}, optional={"application_name": TEXT, "options": TEXT, "connect_timeout": st.integers(0, 99).map(str)}
    ),
)


@given(ADDRESSES)
def test_a_written_address_reads_back_equal(address: Address) -> None:
    again = Address.parse(address.url.get_secret_value())
    assert again == address
    assert hash(again) == hash(address)


@given(ADDRESSES)
def test_the_redacted_url_differs_by_the_password_alone(address: Address) -> None:
    assert Address.parse(address.redacted) == address.replace(password=None)


def test_no_repr_shows_the_password() -> None:
    address = Address.parse("postgresql://u:sentinel@h/d")
    shown = [repr(address), str(address), address.redacted, f"{address}", repr(dataclasses.astuple(address))]
    assert not [text for text in shown if "sentinel" in text]
    assert repr(address) == "Address('postgresql://u@h/d')"


def test_replace_changes_a_copy() -> None:
    address = Address.parse("postgresql://u:p@h/d")
    assert address.replace(database="e").redacted == "postgresql://u@h/e"
    assert address.database == "d"


def test_an_address_cannot_be_changed() -> None:
    address = Address.parse("postgresql://u@h/d")
    with pytest.raises(dataclasses.FrozenInstanceError):
        address.user = "other"  # type: ignore[misc]


def test_an_address_goes_to_another_process() -> None:
    address = Address.parse("postgresql://u:p@h/d?sslmode=require&application_name=x")
    assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301  (what we wrote ourselves)


def test_libpq_programs_get_everything_by_their_environment() -> None:
    address = Address.parse(
        "postgresql://u:p@a:1,b:2/d?sslmode=require&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem"
        "&target_session_attrs=primary&application_name=x&options=-c%20a%3Db&connect_timeout=3"
    )
    assert address.libpq_environment() == {
        "PGHOST": "a,b",
        "PGPORT": "1,2",
        "PGDATABASE": "d",
        "PGUSER": "u",
        "PGPASSWORD": "p",
        "PGSSLMODE": "require",
        "PGSSLROOTCERT": "/ca.pem",
        "PGSSLCERT": "/c.pem",
        "PGSSLKEY": "/k.pem",
        "PGTARGETSESSIONATTRS": "primary",
        "PGAPPNAME": "x",
        "PGOPTIONS": "-c a=b",
        "PGCONNECT_TIMEOUT": "3",
    }


def test_libpq_programs_trust_the_same_authorities() -> None:
    """verify-full without a root means the system's store to us, and libpq must be told so."""
    address = Address.parse("postgresql://u@h/d?sslmode=verify-full")
    assert address.libpq_environment()["PGSSLROOTCERT"] == "system"
    assert "PGPASSWORD" not in address.libpq_environment()
