"""Drops the databases and logins that earlier runs left on a user's own server.

A run is alive while one of its processes holds its advisory lock, so a run on another machine keeps its databases.
"""

from __future__ import annotations

import contextlib

import asyncpg

from tenantry.address import Address
from tenantry.sql import identifier
from tenantry.testing.administrator import Administrator
from tenantry.testing.names import PREFIX, RUNS, number_in

__all__ = ["remove_leftovers"]

LIVING = "SELECT DISTINCT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1"
DATABASES = "SELECT datname::text FROM pg_database WHERE datname ~ $1"
LOGINS = "SELECT rolname::text FROM pg_roles WHERE rolname ~ $1"


def remove_leftovers(server: Address, run: int) -> None:
    """Drop what belongs to `run`, which is over, and to every other run that is not alive."""
    with Administrator(server) as administrator:
        living = {number for (number,) in administrator.fetch(LIVING, RUNS)} - {run}
        for kind, query in (("DATABASE", DATABASES), ("ROLE", LOGINS)):
            for (name,) in administrator.fetch(query, f"^{PREFIX}[0-9a-f]{{8}}_"):
                if number_in(name) not in living:
                    force = " WITH (FORCE)" if kind == "DATABASE" else ""
                    # This login may not be allowed to drop what another login created.
                    with contextlib.suppress(asyncpg.PostgresError):
                        administrator.execute(f"DROP {kind} IF EXISTS {identifier(name)}{force}")
