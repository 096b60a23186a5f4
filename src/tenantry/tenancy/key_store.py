"""The keys that a database knows: added, listed and retired by their owner, one statement each.

The invariant: a key that the database knows is never replaced by another under its id. Processes that sign with it are
running, and each of them would be refused.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from sqlalchemy import Connection

from tenantry import errors
from tenantry.secrets import SigningRing
from tenantry.tenancy.signature import KEYS_TABLE, SCHEMA

__all__ = ["KnownKey", "has_keys_table", "list_keys", "push_keys", "retire_key"]

_TABLE = f'"{SCHEMA}"."{KEYS_TABLE}"'
_PUSH = f"""
INSERT INTO {_TABLE} (id, inner_block, outer_block) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING RETURNING id
"""  # noqa: S608  # ours
_DIFFERS = f"SELECT (inner_block, outer_block) <> ($2::bytea, $3::bytea) FROM {_TABLE} WHERE id = $1"  # noqa: S608


@dataclasses.dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of the database, without what is secret of it."""

    id: str
    created_at: datetime


def has_keys_table(connection: Connection) -> bool:
    """Tell whether the schema is one with signed tenants."""
    found = connection.exec_driver_sql("SELECT to_regclass($1) IS NOT NULL", (_TABLE,))
    return bool(found.scalar_one())


def push_keys(connection: Connection, ring: SigningRing) -> tuple[str, ...]:
    """Make the database know every key of the ring; return the ids of those that it did not know.

    Raises:
        ConfigurationError: it knows another key under one of the ids.
    """
    added = []
    for name in ring.ids:
        parameters = (name, *ring.blocks(name))
        if connection.exec_driver_sql(_PUSH, parameters).scalar_one_or_none() is not None:
            added.append(name)
        elif connection.exec_driver_sql(_DIFFERS, parameters).scalar_one():
            raise errors.ConfigurationError(
                f"The database knows another key under the id {name}.",
                why="A process that signs with that one would be refused from now on.",
                remedy="Give the new key an id of its own.",
            )
    return tuple(added)


def list_keys(connection: Connection) -> tuple[KnownKey, ...]:
    """Return the keys that the database knows, the oldest first."""
    rows = connection.exec_driver_sql(f"SELECT id, created_at FROM {_TABLE} ORDER BY created_at, id")  # noqa: S608
    return tuple(KnownKey(*row) for row in rows)


def retire_key(connection: Connection, name: str) -> bool:
    """Make the database forget a key; return whether it knew it."""
    return connection.exec_driver_sql(f"DELETE FROM {_TABLE} WHERE id = $1", (name,)).rowcount > 0  # noqa: S608
