"""The properties of a database besides its objects: collation, privileges, and settings of its sessions.

A template copy and a schema dump leave them out, and each can open a hole: a tenant that is set for every session, or
the privilege to create schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from tenantry.postgres.statements import load_statements
from tenantry.proof.scratch.reservation import Scratch
from tenantry.sql import identifier, literal

__all__ = ["create_empty", "make_alike"]

_STATEMENTS = load_statements("tenantry.proof.scratch", "clone.sql")

# The name of each locale provider, by its letter in the catalog, and the option for its locale.
_PROVIDERS = {"c": ("libc", ""), "i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}

# Settings that are lists of names. The catalog holds these names quoted, as a statement needs them.
_LISTS = {"local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"}


async def create_empty(scratch: Scratch, source: Mapping[str, Any] | None) -> None:
    """Create an empty scratch database with the encoding and the collation of the `source`."""
    options = ["TEMPLATE template0"]
    if source is not None:
        options += [
            f"ENCODING {literal(source['encoding'])}",
            f"LC_COLLATE {literal(source['collate'])}",
            f"LC_CTYPE {literal(source['ctype'])}",
        ]
        # Before version 15 there is one provider, and no option for it.
        if source["provider"] is not None:
            provider, option = _PROVIDERS[source["provider"]]
            options.append(f"LOCALE_PROVIDER {provider}")
            options += [f"{option} {literal(source['locale'])}"] if option else []
    await scratch.keeper.execute(f"CREATE DATABASE {identifier(scratch.name)} {' '.join(options)}")


async def make_alike(scratch: Scratch, source: str, tell: Callable[[str], None]) -> None:
    """Give the scratch database the owner, the privileges and the settings of the database `source`."""
    name, keeper = identifier(scratch.name), scratch.keeper
    statements = []
    if scratch.is_superuser:
        facts = await keeper.fetchrow(_STATEMENTS["source"], source)
        statements.append(f"ALTER DATABASE {name} OWNER TO {identifier(facts['owner'])}")
    if await keeper.fetchval("SELECT datacl IS NOT NULL FROM pg_database WHERE datname = $1", source):
        statements.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    for row in await keeper.fetch(_STATEMENTS["grants"], source):
        grantee = identifier(row["grantee"]) if row["grantee"] else "PUBLIC"
        option = " WITH GRANT OPTION" if row["is_grantable"] else ""
        statements.append(f"GRANT {row['privilege']} ON DATABASE {name} TO {grantee}{option}")
    for row in await keeper.fetch(_STATEMENTS["settings"], source):
        whose = f"ALTER ROLE {identifier(row['role'])} IN DATABASE {name}" if row["role"] else f"ALTER DATABASE {name}"
        statements.append(f"{whose} SET {_assignment(row['setting'])}")
    for statement in statements:
        try:
            await keeper.execute(statement)
        except asyncpg.PostgresError as error:
            tell(f"not as in {source}: {statement} ({error})")


def _assignment(setting: str) -> str:
    """Return `name=value` of the catalog in the syntax of SET."""
    variable, _, value = setting.partition("=")
    name = ".".join(identifier(part) for part in variable.split("."))
    return f"{name} TO {value if variable in _LISTS and value else literal(value)}"
