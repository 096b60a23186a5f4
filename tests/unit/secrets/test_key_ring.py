"""A sealed value opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

import base64
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry import errors
from tenantry.secrets import KeyRing

RING = KeyRing({"k1": bytes(range(32)), "k0": bytes(32)}, "k1")
KEY = base64.b64encode(bytes(range(32))).decode()


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_was_sealed_opens(plaintext: bytes, associated: bytes) -> None:
    sealed = RING.seal(plaintext, associated)
    assert sealed.startswith("v1.k1.")
    assert RING.open(sealed, associated) == plaintext


@given(st.binary(max_size=50), st.data())
def test_any_flipped_bit_is_noticed(plaintext: bytes, data: st.DataObject) -> None:
    head, payload = RING.seal(plaintext, b"place").rsplit(".", 1)
    raw = bytearray(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.DecryptionFailed):
        RING.open(f"{head}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}", b"place")


@given(st.binary(max_size=50), st.data())
def test_any_changed_character_is_noticed(plaintext: bytes, data: st.DataObject) -> None:
    """Two texts that open to one value would be a forgery too: the last character has bits that base64 ignores."""
    sealed = RING.seal(plaintext, b"place")
    at = data.draw(st.integers(0, len(sealed) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda found: found != sealed[at]))
    with pytest.raises(errors.DecryptionFailed):
        RING.open(sealed[:at] + character + sealed[at + 1 :], b"place")


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_another_place_does_not_open_it(here: bytes, there: bytes) -> None:
    sealed = RING.seal(b"value", here)
    if here == there:
        assert RING.open(sealed, there) == b"value"
    else:
        with pytest.raises(errors.DecryptionFailed):
            RING.open(sealed, there)


def test_the_same_value_is_never_sealed_alike() -> None:
    assert len({RING.seal(b"value", b"place") for _ in range(100)}) == 100


def test_an_unknown_key_is_named() -> None:
    sealed = KeyRing.generate("gone").seal(b"value", b"place")
    with pytest.raises(errors.DecryptionFailed, match="needs key 'gone', which is not among the encryption keys"):
        RING.open(sealed, b"place")


def test_another_key_under_the_same_id_does_not_open_it() -> None:
    sealed = KeyRing.generate("k1").seal(b"value", b"place")
    with pytest.raises(errors.DecryptionFailed, match="key 'k1' cannot be decrypted"):
        RING.open(sealed, b"place")


def test_a_value_cannot_be_moved_to_another_id() -> None:
    """Not even where two ids stand for one key: the head of the text is authenticated."""
    ring = KeyRing({"a": bytes(32), "b": bytes(32)}, "a")
    sealed = ring.seal(b"value", b"place")
    with pytest.raises(errors.DecryptionFailed):
        ring.open(sealed.replace("v1.a.", "v1.b."), b"place")


@pytest.mark.parametrize(
    "text", ["", "sentinel", "v1.k1", "v1.k1.", "v2.k1.c2VudGluZWw", "v1.sen tinel.AAAA", "v1.k1.é"]
)
def test_what_is_not_sealed_is_refused_and_not_repeated(text: str) -> None:
    """It may be a secret that was stored in plain text."""
    for ask in (lambda: RING.open(text, b"place"), lambda: RING.is_current(text)):
        with pytest.raises(errors.DecryptionFailed, match="is not encrypted") as caught:
            ask()
        assert "sentinel" not in str(caught.value)


def test_a_rotated_ring_seals_anew_and_opens_the_old() -> None:
    old = KeyRing.generate("one")
    sealed = old.seal(b"value", b"place")
    new = old.rotate("two")
    assert new.ids == ("two", "one")
    assert new.open(sealed, b"place") == b"value"
    assert not new.is_current(sealed)
    assert new.is_current(new.seal(b"value", b"place"))
    with pytest.raises(errors.DecryptionFailed, match="needs key 'two'"):
        old.open(new.seal(b"value", b"place"), b"place")
    with pytest.raises(errors.ConfigurationError, match="contain one with the id 'one'"):
        new.rotate("one")


def test_a_written_ring_reads_back() -> None:
    ring = KeyRing.generate("one").rotate("two")
    again = KeyRing.parse(ring.text.get_secret_value())
    assert again.ids == ring.ids
    assert again.open(ring.seal(b"value", b"place"), b"place") == b"value"


@pytest.mark.parametrize(
    "text", [f"a:{KEY}", f" a:{KEY}\n", f"a:{KEY.rstrip('=')}", f"a:{KEY.replace('+', '-').replace('/', '_')}"]
)
def test_keys_are_read_in_either_alphabet(text: str) -> None:
    sealed = RING.seal(b"value", b"place")
    assert KeyRing.parse(text.replace("a:", "k1:")).open(sealed, b"place") == b"value"


def test_keys_are_parted_by_commas_or_lines() -> None:
    assert KeyRing.parse(f"a:{KEY}, b:{KEY}\nc:{KEY}").ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (KEY, "is malformed: entry 1 is not `id:key`"),
        (f"a:{KEY},sentinel", "is malformed: entry 2 is not `id:key`"),
        (f"sent.inel:{KEY}", "is malformed: entry 1 is not `id:key`"),
        (f"a:{KEY},", "is malformed: entry 2 is not `id:key`"),
        ("a:sentinel", "is malformed: the key of entry 1 is not 32 bytes in base64"),
        (f"a:{KEY[:-4]}", "is malformed: the key of entry 1 is not 32 bytes"),
        (f"a:{KEY[4:]}{KEY}", "is malformed: the key of entry 1 is not 32 bytes"),
        (f"a:{KEY},b:sentinel!", "is malformed: the key of entry 2 is not 32 bytes in base64"),
        (f"a:{KEY},a:{KEY}", "has the id of entry 2 twice"),
    ],
)
def test_a_mistake_in_the_keys_names_the_variable_and_no_key(text: str, problem: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        KeyRing.parse(text, variable="SHOP_KEYS")
    assert str(caught.value).startswith(f"SHOP_KEYS {problem}")
    assert caught.value.variable == "SHOP_KEYS"
    shown = "".join(traceback.format_exception(caught.value))
    assert "sentinel" not in shown
    assert KEY[:12] not in shown


@pytest.mark.parametrize(
    ("keys", "current"), [({}, "a"), ({"a": bytes(31)}, "a"), ({"a": bytes(32)}, "b"), ({"a.b": bytes(32)}, "a.b")]
)
def test_a_ring_made_in_code_is_checked_too(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        KeyRing(keys, current)


def test_no_repr_shows_a_key() -> None:
    shown = f"{RING!r} {RING} {KeyRing.parse(f'k1:{KEY}').text!r}"
    assert "k1" in shown
    assert KEY not in shown
    assert repr(bytes(range(32))) not in shown
