"""From text to libpq's keywords and back: URLs as every driver spells them, and `host=... user=...`.

libpq's rules decide where drivers differ (manual, 34.1.1): the authority ends at the first slash or question mark, and
a plus sign is a plus sign. No message repeats a value, and a name only where it cannot be a piece of a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from tenantry.address.origin import EXAMPLE, Origin

TLS_KEYWORDS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey"})
# What may follow a question mark, or stand as a keyword; everything else would be dropped silently, so it is refused.
KNOWN = frozenset(
    {
        *("host", "port", "dbname", "user", "password", "target_session_attrs"),
        *TLS_KEYWORDS,
        *("application_name", "options", "connect_timeout"),
    }
)
# Other drivers' names for the same thing.
_ALIASES = {"database": "dbname", "username": "user", "ssl": "sslmode"}
# These ask for nothing that asyncpg does not do anyway. Consoles paste channel_binding=require too, which it cannot do.
_IDLE = {
    ("channel_binding", "disable"),
    ("channel_binding", "prefer"),
    ("gssencmode", "disable"),
    ("gssencmode", "prefer"),
}

_SCHEME = re.compile(r"postgres(?:ql)?(?:\+(?:asyncpg|psycopg|psycopg_async|psycopg2|pg8000))?://", re.IGNORECASE)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?!')(?:[^\s\\]|\\.)*)(?=\s|$)", re.DOTALL)


def read_keywords(text: str, origin: Origin) -> dict[str, str]:
    """Return the keywords that an address gives; an empty value counts as not given.

    Raises:
        ConfigurationError: the text is no address of PostgreSQL, or has a parameter that we could not honour.
    """
    text = _unwrap(text)
    if not text:
        raise origin.error(f"is empty; write {EXAMPLE}")
    if scheme := _SCHEME.match(text):
        return _read_url(text[scheme.end() :], origin)
    if _KEYWORD.match(text):
        return _read_pairs(text, origin)
    raise origin.error(f"is not an address of PostgreSQL; write {EXAMPLE}")


def write_url(keywords: Mapping[str, str], hosts: str) -> str:
    """Return the URL that `read_keywords` reads back; `hosts` is the part after the @, already encoded."""
    credentials = ":".join(quote(keywords[name], safe="") for name in ("user", "password") if name in keywords)
    rest = {name: value for name, value in keywords.items() if name not in {"user", "password", "dbname"}}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
    return f"postgresql://{credentials}@{hosts}/{quote(keywords['dbname'], safe='')}" + (f"?{query}" if query else "")


def _unwrap(text: str) -> str:
    """Remove what copying leaves around an address: blanks, a last newline, quotes that an env file did not strip."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _read_url(text: str, origin: Origin) -> dict[str, str]:
    end = re.search(r"[/?]|$", text)
    assert end is not None
    authority, rest = text[: end.start()], text[end.start() :]
    if "@" in rest:
        # Most likely the password holds a raw slash or question mark, and what follows is half of it: name nothing.
        raise origin.error("has an @ too late; write / ? and @ in a password as %2F %3F and %40")
    credentials, _, location = authority.rpartition("@")
    path, _, query = rest.partition("?")
    user, _, password = credentials.partition(":")
    keywords = {"user": _decode(user, origin), "password": _decode(password, origin)}
    keywords |= _read_location(location, origin)
    if "/" in path[1:]:
        raise origin.error("has a second / after the host; write a / in a password or a database's name as %2F")
    keywords["dbname"] = _decode(path[1:], origin)
    keywords |= _read_query(query, origin, is_whole="@" in authority)
    return {name: value for name, value in keywords.items() if value}


def _read_location(location: str, origin: Origin) -> dict[str, str]:
    """Split `h1:5432,[::1]:5433` before decoding it, so that an encoded colon stays part of a socket's folder."""
    names, ports = [], []
    for part in location.split(",") if location else []:
        name, colon, port = part.rpartition(":")
        if not colon or port.endswith("]"):
            name, port = part, ""
        names.append(_decode(name, origin))
        ports.append(_decode(port, origin))
    if any(not name for name in names) and len(names) > 1:
        raise origin.error("has an empty name in its list", "host")
    # An empty port beside a given one is libpq's way to say 5432, which `read_hosts` does too.
    return {"host": ",".join(names), "port": ",".join(ports) if any(ports) else ""}


def _read_query(query: str, origin: Origin, *, is_whole: bool) -> dict[str, str]:
    """Read the parameters; without an @ before them (`is_whole`) they may begin in the middle of a password."""
    keywords: dict[str, str] = {}
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise origin.error("has a parameter without a value after the ?")
        _add(keywords, name, _decode(value, origin), origin, is_whole=is_whole)
    return keywords


def _read_pairs(text: str, origin: Origin) -> dict[str, str]:
    keywords: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _KEYWORD.match(text, position)
        if found is None:
            raise origin.error("is not of the form keyword=value; put a value with blanks in single quotes")
        value = found[2][1:-1] if found[2].startswith("'") else found[2]
        _add(keywords, found[1], re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL), origin)
        position = found.end()
    return {name: value for name, value in keywords.items() if value}


def _add(keywords: dict[str, str], name: str, value: str, origin: Origin, *, is_whole: bool = False) -> None:
    name = _ALIASES.get(name, name)
    if (name, value) in _IDLE:
        return
    if name == "channel_binding":
        raise origin.error("is not possible with asyncpg; sslmode=verify-full guards against the same", name)
    if name not in KNOWN:
        # Where it is not certain that the password is elsewhere, the name may be a piece of one that was not encoded.
        is_nameable = is_whole and "password" not in keywords and re.fullmatch(r"[A-Za-z][\w.]{0,62}", name)
        problem = f"has the unknown parameter {name}" if is_nameable else "has an unknown parameter"
        raise origin.error(f"{problem}; known are {', '.join(sorted(KNOWN))}")
    if name in keywords and name not in {"host", "port"}:
        raise origin.error("is given twice", name)
    if "\0" in value:
        raise origin.error("holds a NUL character", name)
    # SQLAlchemy spells several hosts as ?host=h1:5432&host=h2:5433.
    keywords[name] = f"{keywords[name]},{value}" if name in keywords else value


def _decode(text: str, origin: Origin) -> str:
    if _BAD_PERCENT.search(text):
        raise origin.error("has a % that encodes nothing; write a % in a password as %25")
    decoded = unquote(text, errors="replace")
    if "\ufffd" in decoded or "\0" in decoded:
        raise origin.error("encodes bytes that are not UTF-8 text")
    return decoded
