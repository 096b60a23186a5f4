"""Types for the fields of requests: texts, numbers, addresses and JSON objects, each in one normal form.

Invariant: a valid value fits into the database, and values can be compared byte by byte, in SQL and in Python.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated

import email_validator
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    Field,
    JsonValue,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

__all__ = ["Count", "Email", "JSONObject", "Text", "Title", "Username", "WebAddress", "check_encodable", "check_object"]

# Names such as localhost and corp.local work inside a network. email-validator refuses them and has no option to accept
# them, so they are checked as a part of a public name.
_PUBLIC = ".example"


def _email(value: str) -> str:
    # ASCII only, so that no two addresses look the same; an internationalised domain is written with xn--.
    top = value.rpartition("@")[2].rpartition(".")[2].lower()
    suffix = _PUBLIC if top in email_validator.SPECIAL_USE_DOMAIN_NAMES else ""
    if not value.isascii():
        raise ValueError("The value is not an e-mail address.")
    try:
        found = email_validator.validate_email(
            value + suffix,
            check_deliverability=False,
            allow_smtputf8=False,
            globally_deliverable=False,
            # Not more than 64 characters before the @.
            strict=True,
        )
    except ValueError as error:
        # The text of the original error can contain a part of the value.
        raise ValueError("The value is not an e-mail address.") from error
    # Lower case: RFC 5321 allows a case-sensitive part before the @, but providers do not use it.
    return str(found.ascii_email).removesuffix(suffix).lower()


# ADR 0021 says why it is not pydantic's EmailStr.
Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_email)]
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", to_lower=True)]


# PostgreSQL's text holds every character except NUL. The field that uses the type sets the length.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]

LONGEST_OBJECT = 64 * 1024
# Python and pydantic serialize values of up to about 250 levels; a response adds some around this object.
DEEPEST_OBJECT = 100
# JSON writes NUL as an escape. After an escaped backslash the same letters are plain text.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def check_encodable(secret: SecretStr) -> SecretStr:
    """Return the secret, which UTF-8 can encode; `Annotated[SecretStr, Field(...), AfterValidator(check_encodable)]`.

    Raises:
        ValueError: it contains a lone surrogate, as JSON can. A later error would show a part of the secret.
    """
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("The value contains a lone surrogate, which UTF-8 cannot encode.") from None
    return secret


# A number for an integer column, 0 or more.
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


def check_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the object, which fits into a json or jsonb column.

    Raises:
        ValueError: it is too large or too deep, or contains a value that JSON or PostgreSQL's text does not have.
    """
    if _is_deep(value):
        raise ValueError(f"The object must not be nested more than {DEEPEST_OBJECT} levels deep.")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except ValueError as error:
        raise ValueError(
            "The object contains NaN, Infinity or a lone surrogate. JSON columns cannot store them."
        ) from error
    if size > LONGEST_OBJECT or _NUL.search(text):
        raise ValueError(f"The object must not have more than {LONGEST_OBJECT} bytes or a NUL character.")
    return value


def _is_deep(value: JsonValue) -> bool:
    # One level at a time, because recursion fails at the depth that this function must find.
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST_OBJECT):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, dict | list) for one in level)


# An object for a json or jsonb column, with a limit on its size and depth.
JSONObject = Annotated[dict[str, JsonValue], AfterValidator(check_object)]


def _one_line(value: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text or not text.isprintable():
        raise ValueError("The text needs a character, and all characters must be printable.")
    return text


# A name or a title in any script, without control characters, on one line with single spaces.
Title = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]


LONGEST_ADDRESS = 500
_URL = TypeAdapter(AnyHttpUrl)


def _address(value: str) -> str:
    try:
        url = _URL.validate_python(value)
    except ValidationError as error:
        # The text of the original error contains the value.
        raise ValueError("The value is not an http or https URL.") from error
    if url.username is not None or url.password is not None:
        raise ValueError("The URL contains a user or a password, and responses would show it. Remove it.")
    if len(str(url)) > LONGEST_ADDRESS:
        raise ValueError(f"The URL is longer than {LONGEST_ADDRESS} characters.")
    return str(url)


# The URL of another system. It must not contain a password, because responses show it.
WebAddress = Annotated[
    str,
    AfterValidator(_address),
    Field(max_length=LONGEST_ADDRESS, json_schema_extra={"format": "uri"}),
]
