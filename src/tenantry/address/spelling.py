"""Parse an address into libpq's keywords, and write it back: URLs of all drivers, and `host=... user=...`.

`pasted` removes what is around an address, and `parameters` knows the names. Where drivers differ, libpq's rules apply
(manual, 34.1.1): the authority ends at the first slash or question mark, and a plus sign means a plus sign. No message
repeats a value. A message repeats a parameter's name only where that name cannot be part of a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from tenantry.address.origin import EXAMPLE, Origin
from tenantry.address.parameters import add_parameter
from tenantry.address.pasted import read_command, unwrap

_SCHEME = re.compile(
    r"(jdbc:)?postgres(?:ql)?(?:\+(?:asyncpg|psycopg|psycopg_async|psycopg2|pg8000))?://", re.IGNORECASE
)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN_NAME = re.compile(r"[A-Za-z][\w.]{0,62}")
# [YOUR-PASSWORD] of Supabase, {your_password} of Azure, YOUR_PASSWORD of Fly, <password> of manuals, a masked password.
_PLACEHOLDER = re.compile(r"[\[{<](?:your[-_ ])?(?:db[-_ ])?password[\]}>]|your[-_]password|\*{4,}", re.IGNORECASE)
_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?!')(?:[^\s\\]|\\.)*)(?=\s|$)", re.DOTALL)


def read_keywords(text: str, origin: Origin) -> dict[str, str]:
    """Return the keywords of an address. A keyword with an empty value is left out.

    Raises:
        ConfigurationError: the text is not a PostgreSQL address, or has a parameter that is not supported.
    """
    text = unwrap(text)
    if not text:
        raise origin.error("is empty", remedy=f"Write it as {EXAMPLE}.")
    text, given = read_command(text, origin) or (text, {})
    keywords: dict[str, str] = {}
    for name, value in given.items():
        add_parameter(keywords, name, value, origin, is_nameable=False)
    if text:
        keywords |= _read_address(text, origin)
    if _PLACEHOLDER.fullmatch(keywords.get("password", "")):
        raise origin.error(
            "is the placeholder of a console", "password", remedy="Write the login's password in its place."
        )
    return {name: value for name, value in keywords.items() if value}


def _read_address(text: str, origin: Origin) -> dict[str, str]:
    if scheme := _SCHEME.match(text):
        return _read_url(text[scheme.end() :], origin, is_jdbc=scheme[1] is not None)
    if _KEYWORD.match(text):
        return _read_pairs(text, origin)
    raise origin.error("is not a PostgreSQL address", remedy=f"Write it as {EXAMPLE}.")


def write_url(keywords: Mapping[str, str], hosts: str) -> str:
    """Return the URL for which `read_keywords` returns the same keywords. `hosts` is the encoded part after the @."""
    credentials = ":".join(quote(keywords[name], safe="") for name in ("user", "password") if name in keywords)
    rest = {name: value for name, value in keywords.items() if name not in {"user", "password", "dbname"}}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
    return f"postgresql://{credentials}@{hosts}/{quote(keywords['dbname'], safe='')}" + (f"?{query}" if query else "")


def _read_url(text: str, origin: Origin, *, is_jdbc: bool) -> dict[str, str]:
    end = re.search(r"[/?]|$", text)
    assert end is not None
    authority, rest = text[: end.start()], text[end.start() :]
    if "@" in rest:
        # The password probably contains an unencoded slash or question mark, and the rest is part of it. So the error
        # repeats no text.
        raise origin.error(
            "has an @ after the first / or ?", remedy="Encode / ? and @ in the password as %2F %3F and %40."
        )
    credentials, _, location = authority.rpartition("@")
    path, _, query = rest.partition("?")
    user, _, password = credentials.partition(":")
    keywords = {"user": _decode(user, origin), "password": _decode(password, origin)}
    keywords |= _read_location(location, origin)
    if "/" in path[1:]:
        raise origin.error(
            "has a second / after the host", remedy="Encode a / in the password or the database name as %2F."
        )
    if "#" in path:
        raise origin.error("has a # after the host", remedy="Remove the # and the text after it, or encode a # as %23.")
    keywords["dbname"] = _decode(path[1:], origin)
    return keywords | _read_query(query, origin, is_whole="@" in authority, is_jdbc=is_jdbc)


def _read_location(location: str, origin: Origin) -> dict[str, str]:
    """Split `h1:5432,[::1]:5433`, then decode each part, so that an encoded colon stays part of a socket's folder."""
    names, ports = [], []
    for part in location.split(",") if location else []:
        name, colon, port = part.rpartition(":")
        if not colon or port.endswith("]"):
            name, port = part, ""
        names.append(_decode(name, origin))
        ports.append(_decode(port, origin))
    if any(not name for name in names) and len(names) > 1:
        raise origin.error("has an empty name in its list", "host")
    # An empty port in a list with other ports means 5432, as in libpq.
    return {"host": ",".join(names), "port": ",".join(ports) if any(ports) else ""}


def _read_query(query: str, origin: Origin, *, is_whole: bool, is_jdbc: bool) -> dict[str, str]:
    """Parse the parameters. Unless an @ comes before them (`is_whole`), they may begin in the middle of a password."""
    keywords: dict[str, str] = {}
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise origin.error(
                "has a parameter without a value after the ?", remedy="Write each parameter as name=value."
            )
        if "#" in value and name != "password":
            raise origin.error(
                "has a # in a parameter", remedy="Remove the # and the text after it, or encode a # as %23."
            )
        if is_jdbc:
            # JDBC decodes a plus sign as a blank.
            value = value.replace("+", "%20")
        is_nameable = is_whole and "password" not in keywords and _PLAIN_NAME.fullmatch(name) is not None
        add_parameter(keywords, name, _decode(value, origin), origin, is_nameable=is_nameable)
    if is_jdbc and keywords.get("sslmode") == "true":
        # JDBC verifies the server unless sslmode says otherwise.
        keywords["sslmode"] = "verify-full"
    return keywords


def _read_pairs(text: str, origin: Origin) -> dict[str, str]:
    keywords: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _KEYWORD.match(text, position)
        if found is None:
            raise origin.error(
                "is not of the form keyword=value", remedy="Enclose a value that contains blanks in single quotes."
            )
        value = found[2][1:-1] if found[2].startswith("'") else found[2]
        value = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        add_parameter(keywords, found[1], value, origin, is_nameable=False)
        position = found.end()
    return keywords


def _decode(text: str, origin: Origin) -> str:
    if _BAD_PERCENT.search(text):
        raise origin.error(
            "has a % that is not followed by two hexadecimal digits", remedy="Encode a % in the password as %25."
        )
    decoded = unquote(text, errors="replace")
    if "\ufffd" in decoded or "\0" in decoded:
        raise origin.error(
            "contains encoded bytes that are not UTF-8 text",
            remedy="Encode the password as UTF-8, then each byte as %XX.",
        )
    return decoded
