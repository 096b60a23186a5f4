"""Fields of protocols are ASCII: what Unicode calls a space is neither removed nor taken for a separator.

A header is read as Latin-1, so U+0085 and U+00A0 can arrive in one. The table has every space of Unicode, because some
fields also arrive in JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from tenantry.fastapi import idempotency
from tenantry.fastapi.body_limit import _declared_length
from tenantry.fastapi.etag import Precondition, version_tag
from tenantry.fastapi.fields import Username
from tenantry.fastapi.request import request_id_from

# Space and tab are the whitespace of RFC 9110, 5.6.3.
SPACES = [chr(point) for point in range(0x10000) if chr(point).isspace() and chr(point) not in " \t"]
TAG = version_tag(datetime(2026, 1, 1, tzinfo=UTC))

each_space = pytest.mark.parametrize("space", SPACES, ids=ascii)
each_form = pytest.mark.parametrize("form", ["{space}{value}", "{value}{space}"])


def test_the_table_has_the_spaces_of_headers_and_of_unicode() -> None:
    assert {"\x0b", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u3000"} < set(SPACES)


@each_form
@each_space
def test_if_match_with_another_space_accepts_no_version(form: str, space: str) -> None:
    for value in ("*", TAG):
        found = Precondition.parse(form.format(space=space, value=value))
        assert (found.is_any, found.versions) == (False, ())


@each_space
def test_another_space_does_not_separate_tags(space: str) -> None:
    assert Precondition.parse(f"{TAG}{space}{TAG}").versions == ()


@each_form
@each_space
def test_an_idempotency_key_with_another_space_is_refused(form: str, space: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(idempotency.Key).validate_python(form.format(space=space, value="k-1"))


@each_form
@each_space
def test_a_request_id_with_another_space_is_replaced(form: str, space: str) -> None:
    assert "r1" not in request_id_from(form.format(space=space, value="r1"))


@each_form
@pytest.mark.parametrize("space", [one for one in SPACES if ord(one) < 0x100], ids=ascii)
def test_a_length_with_another_space_is_no_length(form: str, space: str) -> None:
    header = form.format(space=space, value="17").encode("latin-1")
    assert _declared_length({"type": "http", "headers": [(b"content-length", header)]}) == 0


@each_form
@each_space
def test_a_name_with_another_space_is_refused(form: str, space: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Username).validate_python(form.format(space=space, value="ada"))
