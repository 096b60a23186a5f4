"""A database that exists for one proof, on the server of the proven database.

The invariant: nothing is left behind. The name ends with the number of an advisory lock, which the process holds from
before the database is made until after it is dropped. So the next proof can tell the leftovers of a killed process from
a database in use, and drops them.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.statements import load_statements
from tenantry.secrets import StaticSource
from tenantry.sql import LONGEST_NAME, identifier

__all__ = ["LOCK", "PREFIX", "Scratch", "log_in", "open_scratch"]

PREFIX = "tenantry_proof_"
# The first key of the lock; the second is the number at the end of the name.
LOCK = 0x70726F66
DIGITS = 8

MAINTENANCE = "postgres"
# Seconds for one login, and for retries of a refused login.
DEADLINE, PATIENCE = 30.0, 2.0

_STATEMENTS = load_statements("tenantry.proof.scratch", "reservation.sql")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A unique name for a database, and the session that reserves it. The caller makes the database.

    Attributes:
        address: of the database, for the login that makes it.
        keeper: the login's session in another database, which holds the lock.
        logins: roles that were made for this proof, and are dropped with the database.
    """

    address: Address
    keeper: Connection
    number: int
    is_superuser: bool
    logins: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The database's name."""
        return self.address.database

    def name_login(self, purpose: str) -> str:
        """Return a name for a login of this proof."""
        return f"{PREFIX}{purpose}_{self.number:0{DIGITS}x}"


@asynccontextmanager
async def open_scratch(login: Address, service: str, tell: Callable[[str], None]) -> AsyncIterator[Scratch]:
    """Reserve a name for a scratch database of the login; drop the database at the end, with all its sessions.

    Raises:
        ConfigurationError: the login may not create databases, or the address is that of a pooler.
    """
    number = secrets.randbelow(2**31)
    name = name_scratch(service, number)
    keeper = await log_in(login.replace(database=MAINTENANCE))
    try:
        is_superuser = await _check_rights(keeper)
        await keeper.execute("SELECT pg_advisory_lock($1, $2)", LOCK, number)
        await _remove_leftovers(keeper, tell)
        scratch = Scratch(login.replace(database=name), keeper, number, is_superuser)
        try:
            yield scratch
        finally:
            await _remove(scratch, tell)
    finally:
        await keeper.close()


def name_scratch(service: str, number: int) -> str:
    """Return the name. A long name of a service is cut, so that the number has room."""
    longest = LONGEST_NAME - len(PREFIX) - DIGITS - 1
    return f"{PREFIX}{re.sub(r'[^a-z0-9_]', '_', service.lower())[:longest]}_{number:0{DIGITS}x}"


async def log_in(address: Address, role: str | None = None) -> Connection:
    """Open a session that no timeout of the server ends."""
    timeouts = {"statement_timeout": "0", "idle_session_timeout": "0", "lock_timeout": "0"}
    return await connect(
        StaticSource(address),
        deadline=DEADLINE,
        patience=PATIENCE,
        application_name="tenantry proof",
        role=role,
        server_settings=timeouts,
    )


async def _check_rights(keeper: Connection) -> bool:
    """Return whether the login is a superuser."""
    if keeper.behind_bouncer:
        raise errors.ConfigurationError(
            "A proof cannot go through a connection pooler in transaction mode.",
            why="It would share the session that holds the lock on the scratch database.",
            remedy="Give the address of the server itself with --database-url.",
        )
    rights = await keeper.fetchrow(_STATEMENTS["rights"])
    if not rights["can_create_databases"]:
        raise errors.ConfigurationError(
            f"The login {rights['name']} may not create the scratch database of a proof.",
            why="It has no CREATEDB.",
            remedy=f"Have an administrator run: ALTER ROLE {identifier(rights['name'])} CREATEDB; or give another "
            "login with --database-url.",
        )
    return bool(rights["is_superuser"])


async def _remove_leftovers(keeper: Connection, tell: Callable[[str], None]) -> None:
    """Drop the leftovers of killed processes, as far as this login may."""
    pattern = f"^{PREFIX}.*_[0-9a-f]{{{DIGITS}}}$"
    for row in await keeper.fetch(_STATEMENTS["leftovers"], pattern, LOCK):
        with contextlib.suppress(asyncpg.PostgresError):
            await keeper.execute(f"DROP DATABASE IF EXISTS {identifier(row['name'])} WITH (FORCE)")
            tell(f"dropped {row['name']}, which a killed proof had left")
    for row in await keeper.fetch(_STATEMENTS["login_leftovers"], pattern, LOCK):
        with contextlib.suppress(asyncpg.PostgresError):
            await keeper.execute(f"DROP ROLE IF EXISTS {identifier(row['name'])}")


async def _remove(scratch: Scratch, tell: Callable[[str], None]) -> None:
    """Drop the database and the logins of the proof. If that fails, the proof itself is still valid."""
    statements = [f"DROP DATABASE IF EXISTS {identifier(scratch.name)} WITH (FORCE)"]
    statements += [f"DROP ROLE IF EXISTS {identifier(login)}" for login in scratch.logins]
    try:
        # The session that made the database: an interrupted CREATE DATABASE may still run in it, and the driver waits
        # for its end before it sends the next statement.
        await _execute(scratch.keeper, statements)
    except DRIVER_ERRORS:
        try:
            fresh = await log_in(scratch.address.replace(database=MAINTENANCE))
            try:
                await _execute(fresh, statements)
            finally:
                await fresh.close()
        except (*DRIVER_ERRORS, errors.DatabaseUnavailable) as error:
            tell(f"{scratch.name} could not be dropped ({error}); the next proof tries again")


async def _execute(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        await connection.execute(statement)
