"""Create a service's roles if they are missing, with the privileges that they need in one database.

It is idempotent, and several processes may run it at once: each step checks before it acts, and checks again after a
collision with another process. A role that exists gets only missing attributes. A superuser is never changed, and a
password is set only if one was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
from pydantic import SecretStr

from tenantry import errors
from tenantry.postgres.collisions import repeat_on_collision
from tenantry.postgres.objects import Role
from tenantry.postgres.role_names import Roles
from tenantry.postgres.scram import scram_verifier
from tenantry.postgres.statements import load_statements
from tenantry.sql import identifier, literal

__all__ = ["ensure_owner", "ensure_roles"]

_STATEMENTS = load_statements("tenantry.postgres", "roles.sql")

MEMBERSHIP_OPTIONS_SINCE = 160000


async def ensure_roles(
    connection: asyncpg.Connection, roles: Roles, passwords: Mapping[str, SecretStr | None] | None = None
) -> None:
    """Create the three roles if they are missing, with the privileges that they need in the connection's database.

    The login of `connection` is a superuser, or the database's owner with CREATEROLE and BYPASSRLS (which the admin
    role needs). A login without superuser becomes a member of the roles, so that it may SET ROLE to them. `passwords`
    are by role name. No transaction may be open.

    Raises:
        ConfigurationError: the login lacks a privilege; the remedy has the SQL for an administrator.
        UnsafeRole: a role with one of the names exists and is a superuser.
    """
    await ensure_owner(connection, roles)
    for role in list(roles)[1:]:
        await repeat_on_collision(_Setup(connection, role, (passwords or {}).get(role.name)).ensure_login)


async def ensure_owner(connection: asyncpg.Connection, roles: Roles) -> None:
    """Create the owner if it is missing, and let it create objects in schema public; see `ensure_roles`."""
    setup = _Setup(connection, Role(roles.owner))
    await repeat_on_collision(setup.ensure_role)
    await repeat_on_collision(setup.ensure_database)


@dataclass(frozen=True, slots=True)
class _Setup:
    """The steps for one role."""

    connection: asyncpg.Connection
    role: Role
    password: SecretStr | None = None

    @property
    def name(self) -> str:
        return identifier(self.role.name)

    async def ensure_role(self) -> None:
        """Create the role, or add missing attributes; let the login SET ROLE to it."""
        state = await self._state()
        if state is None:
            # In one transaction. An existing role gets no password later, so a process that is killed in between would
            # leave a role that cannot log in.
            await self._run(*self.role.create(), needed=True, hidden=self._set_password())
            state = await self._state()
        else:
            for statement in self._set_password():
                await self.connection.execute(statement)
        assert state is not None
        if state["rolsuper"]:
            raise errors.UnsafeRole(
                f"Role {self.role.name!r} exists and is a superuser.",
                why="Policies do not apply to superusers, and Tenantry never changes a superuser.",
                remedy=f"Choose another role name, or run as a superuser: ALTER ROLE {self.name} NOSUPERUSER;",
            )
        if self.role.login and not state["rolcanlogin"]:
            await self._run(f"ALTER ROLE {self.name} LOGIN", needed=True)
        if self.role.bypass_rls and not state["rolbypassrls"]:
            await self._run(f"ALTER ROLE {self.name} BYPASSRLS", needed=True)
        if not state["is_reachable"]:
            version = int(await self.connection.fetchval("SHOW server_version_num"))
            options = " WITH INHERIT FALSE, SET TRUE" if version >= MEMBERSHIP_OPTIONS_SINCE else ""
            await self._run(f"GRANT {self.name} TO SESSION_USER{options}", needed=not self.role.login)

    async def ensure_login(self) -> None:
        """Create a role that logs in, and grant it CONNECT on the database."""
        await self.ensure_role()
        state = await self._state()
        if state is not None and not state["can_connect"]:
            await self._run(f"GRANT CONNECT ON DATABASE {await self._database()} TO {self.name}", needed=True)

    async def ensure_database(self) -> None:
        """Let the owner create objects in this database. Revoke CREATE on schema public and TEMPORARY from PUBLIC."""
        state = await self._state()
        assert state is not None
        if not state["can_create_in_database"]:
            # Only new schemas and trusted extensions need this privilege.
            await self._run(f"GRANT CREATE ON DATABASE {await self._database()} TO {self.name}", needed=False)
        if not state["owns_schema"]:
            await self._run(f"ALTER SCHEMA public OWNER TO {self.name}", needed=False)
        state = await self._state()
        assert state is not None
        if not state["can_create_in_schema"]:
            await self._run(f"GRANT CREATE, USAGE ON SCHEMA public TO {self.name} WITH GRANT OPTION", needed=True)
        if await self.connection.fetchval(_STATEMENTS["schema_is_open"]):
            await self._run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", needed=False)
        if await self.connection.fetchval(_STATEMENTS["temporary_is_open"]):
            # A temporary table hides the service's table with the same name, and stays after its transaction. On a
            # pooled connection, it would receive the rows that the next tenant writes.
            await self._run(f"REVOKE TEMPORARY ON DATABASE {await self._database()} FROM PUBLIC", needed=False)

    async def _state(self) -> asyncpg.Record | None:
        return await self.connection.fetchrow(_STATEMENTS["role_states"], [self.role.name])

    async def _database(self) -> str:
        return identifier(await self.connection.fetchval("SELECT current_database()"))

    def _set_password(self) -> tuple[str, ...]:
        """Return the statement that sets the password, if one was given."""
        if self.password is None:
            return ()
        return (f"ALTER ROLE {self.name} PASSWORD {literal(scram_verifier(self.password.get_secret_value()))}",)

    async def _run(self, *statements: str, needed: bool, hidden: tuple[str, ...] = ()) -> None:
        """Run the statements in one transaction. If they are not `needed`, ignore a missing privilege.

        `hidden` are further statements, which no error shows.

        Raises:
            ConfigurationError: the login lacks a privilege for needed statements.
        """
        try:
            await self.connection.execute("; ".join((*statements, *hidden)))
        except asyncpg.InsufficientPrivilegeError as error:
            if needed:
                login = await self.connection.fetchval("SELECT session_user")
                raise errors.ConfigurationError(
                    f"Role {self.role.name!r} needs a change that the login {login!r} may not make.",
                    why=str(error).rstrip(".") + ".",
                    remedy=f"Run as a superuser in this database: {'; '.join(statements)};",
                ) from error
