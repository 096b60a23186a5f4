"""The table of signing keys in a database: its owner adds, lists and removes keys.

The invariant: a key in the database is never replaced by another key with the same id, because running processes sign
with it, and the database would refuse their statements.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from sqlalchemy import Connection

from tenantry import errors
from tenantry.secrets import SigningRing
from tenantry.tenancy.signed_context.accessor import KEYS_TABLE, SCHEMA

__all__ = ["KnownKey", "has_keys_table", "list_keys", "push_keys", "retire_key"]

_TABLE = f'"{SCHEMA}"."{KEYS_TABLE}"'
_PUSH = f"""
INSERT INTO {_TABLE} (id, inner_block, outer_block) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING RETURNING id
"""  # noqa: S608  # ours
_DIFFERS = f"SELECT (inner_block, outer_block) <> ($2::bytea, $3::bytea) FROM {_TABLE} WHERE id = $1"  # noqa: S608


@dataclasses.dataclass(frozen=True, slots=True)
class KnownKey:
    """A key in the database, without its secret part."""

    id: str
    created_at: datetime


def has_keys_table(connection: Connection) -> bool:
    """Return True if the schema has the table of signing keys."""
    found = connection.exec_driver_sql("SELECT to_regclass($1) IS NOT NULL", (_TABLE,))
    return bool(found.scalar_one())


def push_keys(connection: Connection, ring: SigningRing) -> tuple[str, ...]:
    """Add every key of the ring to the database; return the ids of the added keys.

    Raises:
        ConfigurationError: the database has another key with one of the ids.
    """
    added = []
    for name in ring.ids:
        parameters = (name, *ring.blocks(name))
        if connection.exec_driver_sql(_PUSH, parameters).scalar_one_or_none() is not None:
            added.append(name)
        elif connection.exec_driver_sql(_DIFFERS, parameters).scalar_one():
            raise errors.ConfigurationError(
                f"The database already has another key with the id {name!r}.",
                why="To replace it would make the database refuse every process that signs with it.",
                remedy="Choose another id for the new key.",
            )
    return tuple(added)


def list_keys(connection: Connection) -> tuple[KnownKey, ...]:
    """Return the keys in the database, the oldest first."""
    rows = connection.exec_driver_sql(f"SELECT id, created_at FROM {_TABLE} ORDER BY created_at, id")  # noqa: S608
    return tuple(KnownKey(*row) for row in rows)


def retire_key(connection: Connection, name: str) -> bool:
    """Remove a key from the database; return False if it was not there."""
    return connection.exec_driver_sql(f"DELETE FROM {_TABLE} WHERE id = $1", (name,)).rowcount > 0  # noqa: S608
