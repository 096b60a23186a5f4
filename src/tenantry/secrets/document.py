"""What a store of secrets holds: a URL, or the JSON that AWS documents for databases.

The JSON is `{"username": ..., "password": ..., "host": ..., "port": ..., "dbname": ...}` (AWS Secrets Manager user
guide, "JSON structure of secrets"); other fields are ignored. Secrets that RDS manages itself hold the login alone, and
the rest comes from the settings.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tenantry.address import Address, Origin
from tenantry.address.spelling import TLS_KEYWORDS, read_keywords

FIELDS = {"user": "username", "password": "password", "host": "host", "port": "port", "dbname": "dbname"}

_NO_JSON = object()


def read_document(text: str, defaults: Mapping[str, str], origin: Origin) -> Address:
    """Return the address in a secret's text.

    `defaults` are libpq's keywords: those for TLS hold for every text that says nothing of TLS itself, the others for
    what a JSON leaves out, as a URL is complete without them.

    Raises:
        ConfigurationError: the text is neither a URL nor the JSON, or lacks something; no value is repeated.
    """
    if not text.lstrip().startswith("{"):
        keywords = read_keywords(text, origin)
        tls = (
            {} if TLS_KEYWORDS & keywords.keys() else {name: defaults[name] for name in TLS_KEYWORDS & defaults.keys()}
        )
        return Address.from_keywords(tls | keywords, origin)
    document = _load(text)
    if not isinstance(document, dict):
        raise origin.error("is not valid JSON")
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
    # The exception of `json` carries the whole text: it is dropped here, where it cannot become anybody's context.
    try:
        return json.loads(text)
    except ValueError:
        return _NO_JSON
