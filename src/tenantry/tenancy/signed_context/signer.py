"""The application's part of the signed tenant context: it signs tenants, and binds them without showing the value.

A session that reads a signed value can bind it too, and other sessions of the same role can read the text of
statements: in `pg_stat_activity`, and through extensions that record statements. To tie the value to a backend would
not help, because the pool gives the next request the same backend. So the value does not appear in those texts, and
this needs no further round trip. `pg_stat_activity` shows the first `track_activity_query_size` bytes of a message, so
the message begins with that number of spaces. An extension records PREPARE with its parameter, and never EXECUTE
(decision 0015).
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
from tenantry.tenancy.signed_context.accessor import ACCESSOR, SCHEMA

__all__ = ["LIFETIME", "Signer"]

# Seconds for which a signed value can begin a transaction. It covers the difference of two clocks and the network
# delay. A transaction that has begun has no limit.
LIFETIME = 300

# The default of track_activity_query_size.
SHOWN_BYTES = 1024

_SERVER = load_statements("tenantry.tenancy.signed_context", "accessor.sql")["server"]
# Each binding uses a new name: a statement that a cancelled message or injected SQL left in the session would make
# every binding with the same name fail.
_PREPARED = "tenantry_bind"
# Not a tenant, because `parse_tenant` refuses blank values.
NO_TENANT = " "


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Signs tenants for one server.

    Attributes:
        shown: the number of bytes of a statement that the server shows to other sessions of the role.
        is_recorded: True if an extension of the server records utility statements with their constants.
    """

    ring: SigningRing
    shown: int = SHOWN_BYTES
    is_recorded: bool = False

    @classmethod
    def from_settings(cls, settings: DatabaseSettings) -> Self:
        """Return a signer with the keys of a service's settings.

        Raises:
            ConfigurationError: the settings have no keys.
        """
        ring = settings.signing_ring()
        if ring is None:
            variable = settings.variable("context_keys")
            raise errors.ConfigurationError(
                f"{variable} is not set.",
                variable=variable,
                why="The service signs the tenant of each unit of work, which needs a key.",
                remedy=f"Generate a key with `openssl rand -base64 32`, and set {variable} to id:key.",
            )
        return cls(ring)

    def value(self, tenant: str, *, lifetime: int = LIFETIME) -> str:
        """Return `tenant|expiry|key id|code`, which is secret until it expires."""
        signed = f"{tenant}|{int(time.time()) + lifetime}|{self.ring.current}"
        return f"{signed}|{self.ring.sign(signed.encode()).hex()}"

    def statement(self, setting: str, tenant: str) -> str:
        """Return the SQL that binds a tenant to a transaction, hidden from other sessions."""
        value = sql.literal(self.value(tenant)).lstrip()
        hidden = " " * self.shown
        if not self.is_recorded:
            return f"{hidden}SET LOCAL {setting} = {value}"
        name = f"{_PREPARED}_{secrets.token_hex(8)}"
        prepared = f"PREPARE {name}(text) AS SELECT pg_catalog.set_config({sql.literal(setting)}, $1, true)"
        return f"{prepared}; {hidden}EXECUTE {name}({value}); DEALLOCATE {name}"

    async def fit(self, connection: Connection, setting: str) -> Signer:
        """Return the signer for the connection's server, after its accessor has verified a value.

        If the accessor does not exist yet, nothing is verified; readiness reports the missing migration.

        Raises:
            ContextRefused: the database does not have the key.
        """
        accessor = f"{SCHEMA}.{ACCESSOR}()"
        server = await connection.fetchrow(_SERVER, accessor)
        fitting = dataclasses.replace(self, shown=server["shown"], is_recorded=server["is_recording"])
        if server["is_migrated"]:
            await fitting.check(connection, setting)
        return fitting

    async def check(self, connection: Connection, setting: str) -> None:
        """Bind a value and call the accessor.

        Raises:
            ContextRefused: the database refuses the value.
        """
        before, connection.preamble = connection.preamble, self.statement(setting, NO_TENANT)
        try:
            async with connection.transaction(readonly=True):
                await connection.fetchval(f"SELECT {SCHEMA}.{ACCESSOR}()")
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ContextRefused(
                f"The database refuses values that key {self.ring.current!r} signed.",
                why=error.detail or "",
                remedy="Run `tenantry context push`. If the error stays, compare the clocks of client and server.",
            ) from error
        finally:
            connection.preamble = before
