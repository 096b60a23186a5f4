"""The application's half of the signed tenant context: what is signed, and how it is bound without being seen.

A reader of a signed value may bind it as well, and other sessions of the same role can read the text of a statement:
in `pg_stat_activity`, and in extensions that record statements. Binding the value to a backend would not help, because
a pool hands the next request the same backend. So the value is kept out of those texts, at no round trip more:
`pg_stat_activity` shows the first `track_activity_query_size` bytes of a message, and so many spaces stand in front; an
extension records PREPARE with its parameter, and never EXECUTE (decision 0015).
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import Self

import asyncpg

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.postgres.statements import load_statements
from tenantry.secrets import SigningRing
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.signature import ACCESSOR, SCHEMA

__all__ = ["LIFETIME", "Signer"]

# Seconds for which a transaction may be begun with a value. It covers what lies between two clocks, and the way to the
# server; a transaction that has begun may last as long as it wants.
LIFETIME = 300

# What a server shows of a statement unless it was told otherwise (manual, track_activity_query_size).
SHOWN_BYTES = 1024

_SERVER = load_statements("tenantry.tenancy", "signature.sql")["server"]
# Each binding has a name of its own: one that a cancelled message, or somebody's SQL, left in the session would refuse
# every binding after it.
_PREPARED = "tenantry_bind"
# No tenant: `parse_tenant` takes no blank one.
NOBODY = " "


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Signs tenants for one server.

    Attributes:
        shown: how many bytes of a statement the server shows to other sessions of the role.
        is_recorded: whether an extension of the server records utility statements with their constants.
    """

    ring: SigningRing
    shown: int = SHOWN_BYTES
    is_recorded: bool = False

    @classmethod
    def from_settings(cls, settings: DatabaseSettings) -> Self:
        """Return a signer with the keys of a service's settings.

        Raises:
            ConfigurationError: there are no keys.
        """
        ring = settings.signing_ring()
        if ring is None:
            variable = settings.variable("context_keys")
            raise errors.ConfigurationError(
                f"{variable} is not set.",
                variable=variable,
                why="The service signs the tenant of each unit of work, and there is no key to sign with.",
                remedy="Make a key with `openssl rand -base64 32`, and give it as id:key.",
            )
        return cls(ring)

    def value(self, tenant: str, *, lifetime: int = LIFETIME) -> str:
        """Return `tenant|expiry|key id|code`; it is a secret as long as it lasts."""
        signed = f"{tenant}|{int(time.time()) + lifetime}|{self.ring.current}"
        return f"{signed}|{self.ring.sign(signed.encode()).hex()}"

    def statement(self, setting: str, tenant: str) -> str:
        """Return what binds a tenant to a transaction, out of other sessions' sight."""
        value = sql.literal(self.value(tenant)).lstrip()
        hidden = " " * self.shown
        if not self.is_recorded:
            return f"{hidden}SET LOCAL {setting} = {value}"
        name = f"{_PREPARED}_{secrets.token_hex(8)}"
        prepared = f"PREPARE {name}(text) AS SELECT pg_catalog.set_config({sql.literal(setting)}, $1, true)"
        return f"{prepared}; {hidden}EXECUTE {name}({value}); DEALLOCATE {name}"

    async def fit(self, connection: Connection, setting: str) -> Signer:
        """Return the signer that fits the connection's server, whose accessor has taken a value of it.

        Where the accessor does not exist yet nothing can be tried; readiness tells that the schema is another.

        Raises:
            ContextRefused: the database does not know the key.
        """
        accessor = f"{SCHEMA}.{ACCESSOR}()"
        server = await connection.fetchrow(_SERVER, accessor)
        fitting = dataclasses.replace(self, shown=server["shown"], is_recorded=server["is_recording"])
        if server["is_migrated"]:
            await fitting.check(connection, setting)
        return fitting

    async def check(self, connection: Connection, setting: str) -> None:
        """Bind a value and ask the accessor for it.

        Raises:
            ContextRefused: the database does not take it.
        """
        before, connection.preamble = connection.preamble, self.statement(setting, NOBODY)
        try:
            async with connection.transaction(readonly=True):
                await connection.fetchval(f"SELECT {SCHEMA}.{ACCESSOR}()")
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ContextRefused(
                f"The database refuses what key {self.ring.current} signed.",
                why=error.detail or "",
                remedy="Make the keys known with `tenantry context push`, and compare the clocks.",
            ) from error
        finally:
            connection.preamble = before
