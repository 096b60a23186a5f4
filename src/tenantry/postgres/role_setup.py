"""Makes a service's roles where they are absent, with what they need in one database, and nothing more.

Idempotent, and safe when several processes do it at once: each step looks before it acts, and looks again when another
process acted in between. Of a role that exists only what it lacks is added; a superuser is never touched, and no
password is set that was not given.
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
    """Make the three roles where they are absent, with what they need in the connection's database.

    `connection` is that of a superuser, or of the database's owner with CREATEROLE and BYPASSRLS (which it hands on to
    the admin); such a login becomes a member of the roles, to take them on by SET ROLE. `passwords` are by role name.
    No transaction may be open.

    Raises:
        ConfigurationError: the login may not make them; the remedy holds the SQL for an administrator.
        UnsafeRole: a role of such a name exists and is a superuser.
    """
    await ensure_owner(connection, roles)
    for role in list(roles)[1:]:
        await repeat_on_collision(_Setup(connection, role, (passwords or {}).get(role.name)).ensure_login)


async def ensure_owner(connection: asyncpg.Connection, roles: Roles) -> None:
    """Make the owner where it is absent, and let it create in schema public; see `ensure_roles`."""
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
        """Make the role, or add what it lacks; let the login take it on."""
        state = await self._state()
        if state is None:
            # In one transaction. A role that exists is given no password later, so a process that is killed in between
            # would leave one that cannot log in.
            await self._run(*self.role.create(), needed=True, hidden=self._set_password())
            state = await self._state()
        else:
            for statement in self._set_password():
                await self.connection.execute(statement)
        assert state is not None
        if state["rolsuper"]:
            raise errors.UnsafeRole(
                f"Role {self.role.name} exists and is a superuser.",
                why="No policy holds a superuser, and it is not ours to change.",
                remedy=f"Choose another name, or have an administrator run ALTER ROLE {self.name} NOSUPERUSER.",
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
        """Make a role that logs in, and let it into the database."""
        await self.ensure_role()
        state = await self._state()
        if state is not None and not state["can_connect"]:
            await self._run(f"GRANT CONNECT ON DATABASE {await self._database()} TO {self.name}", needed=True)

    async def ensure_database(self) -> None:
        """Let the owner make objects in this database; nobody else may in schema public, and no temporary ones."""
        state = await self._state()
        assert state is not None
        if not state["can_create_in_database"]:
            # A new schema and a trusted extension need it; a service that has neither can do without.
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
            # A temporary table is found before the service's own of that name, and outlives its transaction: on a
            # pooled connection it would catch what the next tenant writes.
            await self._run(f"REVOKE TEMPORARY ON DATABASE {await self._database()} FROM PUBLIC", needed=False)

    async def _state(self) -> asyncpg.Record | None:
        return await self.connection.fetchrow(_STATEMENTS["role_states"], [self.role.name])

    async def _database(self) -> str:
        return identifier(await self.connection.fetchval("SELECT current_database()"))

    def _set_password(self) -> tuple[str, ...]:
        """Return the statement that sets the password, where one was given."""
        if self.password is None:
            return ()
        return (f"ALTER ROLE {self.name} PASSWORD {literal(scram_verifier(self.password.get_secret_value()))}",)

    async def _run(self, *statements: str, needed: bool, hidden: tuple[str, ...] = ()) -> None:
        """Send the statements in one transaction; what is not `needed` may be refused. No error shows the `hidden`.

        Raises:
            ConfigurationError: the login may not, and the service cannot do without.
        """
        try:
            await self.connection.execute("; ".join((*statements, *hidden)))
        except asyncpg.InsufficientPrivilegeError as error:
            if needed:
                login = await self.connection.fetchval("SELECT session_user")
                raise errors.ConfigurationError(
                    f"Role {self.role.name} is not as it must be, and the login {login} may not change that.",
                    why=str(error).rstrip(".") + ".",
                    remedy=f"Have an administrator of this database run: {'; '.join(statements)};",
                ) from error
