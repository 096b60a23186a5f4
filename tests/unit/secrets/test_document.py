"""A secret's text is read whatever its form, and never repeated."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from tenantry import errors
from tenantry.address import Origin
from tenantry.secrets.document import read_document

WHOLE = {"username": "u", "password": "sentinel", "host": "h", "port": 5433, "dbname": "d"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (WHOLE, "postgresql://u@h:5433/d"),
        (WHOLE | {"port": "5433", "engine": "postgres", "masterarn": None}, "postgresql://u@h:5433/d"),
        (WHOLE | {"port": None}, "postgresql://u@h/d"),
        ({"username": "u", "password": "sentinel"}, "postgresql://u@spare:6000/spare"),
        (WHOLE | {"host": "", "dbname": None}, "postgresql://u@spare:5433/spare"),
    ],
)
def test_the_json_of_aws_is_read(document: dict[str, Any], expected: str) -> None:
    """What it leaves out comes from the defaults."""
    spare = {"host": "spare", "dbname": "spare"}
    if "port" not in document:
        spare["port"] = "6000"
    address = read_document(json.dumps(document), spare, Origin("SECRET"))
    assert address.redacted == expected
    assert address.password is not None
    assert address.password.get_secret_value() == "sentinel"


def test_a_url_is_complete_in_itself() -> None:
    """Only the TLS setting is added, and only if the URL has none."""
    defaults = {"host": "spare", "port": "6000", "dbname": "spare", "sslmode": "require"}
    assert read_document("postgres://u@h/d\n", defaults, Origin("S")).redacted == "postgresql://u@h/d?sslmode=require"
    with pytest.raises(errors.ConfigurationError, match="dbname is missing"):
        read_document("postgres://u@h/", defaults, Origin("S"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "SECRET is empty"),
        ("sentinel", "SECRET is not a PostgreSQL address"),
        ('{"password": "sentinel", ', "SECRET is not valid JSON."),
        (json.dumps(WHOLE | {"username": None}), "SECRET: username is missing"),
        (json.dumps(WHOLE | {"password": None, "Password": "sentinel"}), "SECRET: password is missing"),
        (json.dumps(WHOLE | {"password": ["sentinel"]}), "SECRET: password must be text."),
        (json.dumps(WHOLE | {"port": True}), "SECRET: port must be text."),
        (json.dumps(WHOLE | {"port": "sentinel"}), "SECRET: port must be a number from 1 to 65535."),
        (json.dumps(WHOLE | {"host": None}), "SECRET: host is missing"),
        (json.dumps(WHOLE | {"host": "h h"}), "SECRET: host must be a host name"),
    ],
)
def test_a_mistake_names_the_field_and_no_value(text: str, problem: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        read_document(text, {}, Origin("SECRET"))
    assert str(caught.value).startswith(problem)
    assert "sentinel" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
