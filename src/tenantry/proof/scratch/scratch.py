"""A database that lives as long as one proof, on the server of the database that is proven.

The invariant: nothing is left behind. The name carries the number of an advisory lock that the process holds while it
lives, so that what a killed process left is told from what another one is using right now, and the next proof drops it.
The lock is taken before the database is made and given back after it was dropped.
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
# The first key of the lock; the second one is the number at the end of the name.
LOCK = 0x70726F66
DIGITS = 8

MAINTENANCE = "postgres"
# How long one login may take, and how long one that is refused is tried again, in seconds.
DEADLINE, PATIENCE = 30.0, 2.0

_STATEMENTS = load_statements("tenantry.proof.scratch", "scratch.sql")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A name that is ours alone, and the session that keeps it so; the database is made by whoever fills it.

    Attributes:
        address: of the database, for the login that makes it.
        keeper: that login's session in another database, which holds the lock.
        logins: the roles that were made for this proof, to be dropped with the database.
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
        """Return a name for a login of this proof alone."""
        return f"{PREFIX}{purpose}_{self.number:0{DIGITS}x}"


@asynccontextmanager
async def open_scratch(login: Address, service: str, tell: Callable[[str], None]) -> AsyncIterator[Scratch]:
    """Give a name for a scratch database of the login; afterwards what has the name is dropped, whoever is connected.

    Raises:
        ConfigurationError: the login may not make databases, or a pooler stands before the server.
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
    """Return the name: the service's is cut so that the number has room."""
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
            why="It would share the session that marks the scratch database as in use.",
            remedy="Give the server's own address with --database-url.",
        )
    rights = await keeper.fetchrow(_STATEMENTS["rights"])
    if not rights["can_create_databases"]:
        raise errors.ConfigurationError(
            f"The login {rights['name']} may not make the scratch database in which a service is proven.",
            why="It has no CREATEDB.",
            remedy=f"Have an administrator run: ALTER ROLE {identifier(rights['name'])} CREATEDB; or give another "
            "login with --database-url.",
        )
    return bool(rights["is_superuser"])


async def _remove_leftovers(keeper: Connection, tell: Callable[[str], None]) -> None:
    """Drop what processes left that were killed; what belongs to another login may not be ours to drop."""
    pattern = f"^{PREFIX}.*_[0-9a-f]{{{DIGITS}}}$"
    for row in await keeper.fetch(_STATEMENTS["leftovers"], pattern, LOCK):
        with contextlib.suppress(asyncpg.PostgresError):
            await keeper.execute(f"DROP DATABASE IF EXISTS {identifier(row['name'])} WITH (FORCE)")
            tell(f"dropped {row['name']}, which a proof that was killed had left")
    for row in await keeper.fetch(_STATEMENTS["login_leftovers"], pattern, LOCK):
        with contextlib.suppress(asyncpg.PostgresError):
            await keeper.execute(f"DROP ROLE IF EXISTS {identifier(row['name'])}")


async def _remove(scratch: Scratch, tell: Callable[[str], None]) -> None:
    """Drop the database and the logins of the proof; what it has shown counts, even where that fails."""
    statements = [f"DROP DATABASE IF EXISTS {identifier(scratch.name)} WITH (FORCE)"]
    statements += [f"DROP ROLE IF EXISTS {identifier(login)}" for login in scratch.logins]
    try:
        # The session that made the database, because a CREATE DATABASE that was interrupted may still be under way
        # in it: the driver waits for its end before it sends the next statement.
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
