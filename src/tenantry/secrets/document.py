"""The content of a database secret: a URL, or the JSON that AWS documents for databases.

The JSON is `{"username": ..., "password": ..., "host": ..., "port": ..., "dbname": ...}` (AWS Secrets Manager user
guide, "JSON structure of secrets"). Other fields are ignored. A secret that RDS manages contains only the login; the
settings give the rest.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tenantry.address import Address, Origin
from tenantry.address.parameters import TLS_KEYWORDS
from tenantry.address.spelling import read_keywords

FIELDS = {"user": "username", "password": "password", "host": "host", "port": "port", "dbname": "dbname"}

_NO_JSON = object()


def read_document(text: str, defaults: Mapping[str, str], origin: Origin) -> Address:
    """Return the address in a secret's text.

    `defaults` are libpq's keywords. The TLS keywords apply to every text without TLS settings. The other keywords fill
    in fields that the JSON does not have; a URL is complete without them.

    Raises:
        ConfigurationError: the text is neither a URL nor the JSON, or a field is missing. The error repeats no value.
    """
    if not text.lstrip().startswith("{"):
        keywords = read_keywords(text, origin)
        tls = (
            {} if TLS_KEYWORDS & keywords.keys() else {name: defaults[name] for name in TLS_KEYWORDS & defaults.keys()}
        )
        return Address.from_keywords(tls | keywords, origin)
    document = _load(text)
    if not isinstance(document, dict):
        raise origin.error("is not valid JSON", remedy="Write a URL, or a JSON object with username and password.")
    origin = dataclasses.replace(origin, fields=FIELDS)
    keywords = dict(defaults)
    for keyword, name in FIELDS.items():
        value = document.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise origin.error("must be text", keyword)
        if value not in {None, ""}:
            keywords[keyword] = str(value)
    if "password" not in keywords:
        raise origin.error("is missing", "password")
    return Address.from_keywords(keywords, origin)


def _load(text: str) -> Any:
    # The exception of `json` contains the whole text, so it must not become the context of another error.
    try:
        return json.loads(text)
    except ValueError:
        return _NO_JSON
