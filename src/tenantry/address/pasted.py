"""Addresses as people paste them: with the variable's name, with quotes, or as the command of a console.

    export DATABASE_URL="postgresql://..."
    psql 'postgresql://...'
    PGPASSWORD=... psql -h db.example.com -U app shop

No message repeats a value.
"""

from __future__ import annotations

import re
import shlex

from tenantry.address.origin import EXAMPLE, Origin

__all__ = ["read_command", "unwrap"]

# A variable's name before an address. Keywords of libpq are in lower case, so `host='...'` is no such name.
_NAMED = re.compile(
    r"(?i:(?:export|set)\s+|\$env:)?(?!(?i:jdbc):)\w+\s*[=:]\s*(?=['\"]?(?i:jdbc:)?(?i:postgres))"
    r"|(?:export\s+)?(?!PG)[A-Z][A-Z0-9_]*=(?=['\"])"
)
_COMMAND = re.compile(r"(?:export\s+)?PG[A-Z]+=|psql\s", re.DOTALL)
_ADO_NET = re.compile(r"(?:server|host|data source|database|user id|username)\s*=[^;]*;", re.IGNORECASE)

_VARIABLES = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGDATABASE": "dbname",
    "PGPASSWORD": "password",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGOPTIONS": "options",
}
_OPTIONS = {
    "-h": "host",
    "--host": "host",
    "-p": "port",
    "--port": "port",
    "-U": "user",
    "--username": "user",
    "-d": "dbname",
    "--dbname": "dbname",
}
_PROMPTS = {"-W", "--password", "-w", "--no-password"}


def unwrap(text: str) -> str:
    """Remove what stands around an address: blanks, quotes and a variable's name."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        elif named := _NAMED.match(text):
            text = text[named.end() :]
    return text


def read_command(text: str, origin: Origin) -> tuple[str, dict[str, str]] | None:
    """Return the argument and the keywords of a command of `psql`, or of PG variables; None for another text.

    The argument is an address, or empty.

    Raises:
        ConfigurationError: the command has an option that is no part of an address, or the text is for another driver.
    """
    if _ADO_NET.match(text):
        raise origin.error("is an address of ADO.NET", remedy=f"Copy the URL of the console, or write {EXAMPLE}.")
    if not _COMMAND.match(text):
        return None
    words = _split(text)
    if words is None:
        raise origin.error("is a command with an unbalanced quote", remedy=f"Write it as {EXAMPLE}.")
    keywords = _read_words(words)
    if keywords is None:
        raise origin.error("is a command with an option that is not part of an address", remedy=_REMEDY)
    name = keywords.get("dbname", "")
    # psql takes an address in the place of the database's name.
    if "=" in name or "://" in name:
        return name, {key: value for key, value in keywords.items() if key != "dbname"}
    return "", keywords


_REMEDY = "Keep only the host (-h), the port (-p), the user (-U), the database (-d) and PGPASSWORD."


def _split(text: str) -> list[str] | None:
    try:
        return shlex.split(text.replace("\\\n", " "))
    except ValueError:
        return None


def _read_words(words: list[str]) -> dict[str, str] | None:
    """Return the keywords of a command's words; None if a word is not part of an address."""
    keywords: dict[str, str] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        option, attached = (name, value if equals else None) if word.startswith("--") else (word[:2], word[2:] or None)
        if word in {"export", "psql", *_PROMPTS}:
            continue
        if equals and name in _VARIABLES:
            keywords[_VARIABLES[name]] = value
        elif option in _OPTIONS:
            keywords[_OPTIONS[option]] = next(rest, "") if attached is None else attached
        elif word.startswith(("-", "PG")):
            return None
        else:
            arguments.append(word)
    return keywords | dict(zip(("dbname", "user"), arguments, strict=False))
