"""Kinds of text and JSON that requests carry, each with one form for what people hold to be the same.

Invariant: what passed one of these fits into the database, and can be compared byte by byte, there and in Python.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, JsonValue, StringConstraints, TypeAdapter, ValidationError

__all__ = ["Count", "Email", "JSONObject", "Text", "Title", "Username", "WebAddress", "check_object"]

# HTML's own definition of a valid e-mail address. ASCII alone, so that no two addresses look the same; the name of an
# internationalised domain is written with xn--.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*$"

# Lower case: the part before the @ could tell cases apart, and no provider does.
Email = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL, to_lower=True)]
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", to_lower=True)]


# PostgreSQL's text holds every character but NUL; a field says how long it may be.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]

LONGEST_OBJECT = 64 * 1024
# In JSON the character is written as an escape; after an escaped backslash the same letters are only letters.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


# What an integer column takes that counts something.
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


def check_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return an object that a JSON column can hold, and all of PostgreSQL's operators read.

    Raises:
        ValueError: it is too large, or holds what JSON or PostgreSQL's text has not.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except ValueError as error:
        raise ValueError("NaN, Infinity and halves of surrogate pairs are refused.") from error
    if size > LONGEST_OBJECT or _NUL.search(text):
        raise ValueError(f"The object has {LONGEST_OBJECT} bytes at most, and no NUL character.")
    return value


# What a json or jsonb column takes, which has no bound of its own.
JSONObject = Annotated[dict[str, JsonValue], AfterValidator(check_object)]


def _one_line(value: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text or not text.isprintable():
        raise ValueError("It needs a character, and none that cannot be printed.")
    return text


# What people call a thing: any script, without control characters and needless spaces.
Title = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]


LONGEST_ADDRESS = 500
_URL = TypeAdapter(HttpUrl)


def _address(value: str) -> str:
    try:
        url = _URL.validate_python(value)
    except ValidationError as error:
        # Its own text repeats the value.
        raise ValueError("It is not an http or https URL.") from error
    if url.username is not None or url.password is not None:
        raise ValueError("A URL with a user or a password is refused: it would be shown with the address.")
    if len(str(url)) > LONGEST_ADDRESS:
        raise ValueError(f"The URL is longer than {LONGEST_ADDRESS} characters.")
    return str(url)


# Where another system is reached, as it will be called. A password in it would come back out of the API.
WebAddress = Annotated[
    str,
    AfterValidator(_address),
    Field(max_length=LONGEST_ADDRESS, json_schema_extra={"format": "uri"}),
]
