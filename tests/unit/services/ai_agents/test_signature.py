from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_agents.signature import is_signed, sign

KEY = b"k" * 32


@given(st.binary(), st.binary(min_size=1))
def test_what_was_signed_is_accepted(body: bytes, key: bytes) -> None:
    assert is_signed(body, sign(body, key), [key])


def test_the_form_is_the_one_that_others_send() -> None:
    """The value is what `openssl dgst -sha256 -hmac secret` prints."""
    assert sign(b"hello", b"secret") == "sha256=88aab3ede8d3adf94d26ab90d3bafd4a2083070c3bcce9c014ee04a443847c0b"


def test_one_changed_byte_is_refused() -> None:
    assert not is_signed(b"hellp", sign(b"hello", KEY), [KEY])


def test_an_old_key_is_good_as_long_as_it_is_listed() -> None:
    old = b"o" * 32
    assert is_signed(b"x", sign(b"x", old), [KEY, old])
    assert not is_signed(b"x", sign(b"x", old), [KEY])


@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=" + "g" * 64, "sha256=é", "x" * 10_000],
)
def test_a_malformed_header_is_refused(header: str | None) -> None:
    assert not is_signed(b"x", header, [KEY])


@pytest.mark.parametrize("space", [chr(point) for point in range(0x10000) if chr(point).isspace()], ids=ascii)
@pytest.mark.parametrize("form", ["{space}{value}", "{value}{space}"])
def test_a_signature_with_a_space_of_any_kind_is_refused(form: str, space: str) -> None:
    assert not is_signed(b"x", form.format(space=space, value=sign(b"x", KEY)), [KEY])


def test_no_key_and_an_empty_key_sign_nothing() -> None:
    assert not is_signed(b"x", sign(b"x", b""), [b""])
    assert not is_signed(b"x", sign(b"x", KEY), [])
