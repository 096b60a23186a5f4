"""The attributes and memberships of a session's role, and the check that row security applies to it.

Two roles matter: the current role, whose attributes determine if row security applies, and the login, which injected
SQL can switch back to. The invariant: row security applies to the role that serves requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import asyncpg
from sqlalchemy import Connection

from tenantry import errors
from tenantry.postgres.role_names import Roles
from tenantry.postgres.statements import load_statements

__all__ = ["ROLE_FACTS", "RoleFacts", "check_safe", "fetch_role", "read_role"]

ROLE_FACTS = load_statements("tenantry.postgres", "roles.sql")["role_facts"]


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """The current role and the login of a session.

    Attributes:
        name: the current role.
        login_name: the login (session user). It differs from `name` after SET ROLE.
        inherits: the roles whose privileges the current role has by membership with INHERIT.
        can_become: the roles that the login may SET ROLE to. Empty for a superuser, which may SET ROLE to every role.
        can_bypass: the roles in `can_become` that bypass row security.
        owns: tables, as `schema.name`, whose owner's privileges the current role has; ten at most.
    """

    name: str
    login_name: str
    superuser: bool = False
    bypass_rls: bool = False
    create_role: bool = False
    login_superuser: bool = False
    login_bypass_rls: bool = False
    login_create_role: bool = False
    inherits: tuple[str, ...] = ()
    can_become: tuple[str, ...] = ()
    can_bypass: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Convert a row of `ROLE_FACTS`, of any driver."""
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in row.items()}
        return cls(**fields)


def read_role(connection: Connection) -> RoleFacts:
    """Read the facts of a SQLAlchemy connection's role, in one statement."""
    return RoleFacts.from_row(dict(connection.exec_driver_sql(ROLE_FACTS).mappings().one()))


async def fetch_role(connection: asyncpg.Connection) -> RoleFacts:
    """Read the facts of an asyncpg connection's role, in one statement."""
    return RoleFacts.from_row(dict(await connection.fetchrow(ROLE_FACTS)))


def check_safe(facts: RoleFacts, roles: Roles) -> tuple[str, ...]:
    """Check that row security applies to the current role; return a sentence for each weakness of the login.

    Raises:
        UnsafeRole: the current role is a superuser, has BYPASSRLS, or has the privileges of an owner.
    """
    why = ""
    if facts.superuser:
        why = "It is a superuser, and policies do not apply to superusers."
    elif facts.bypass_rls:
        why = "It has BYPASSRLS, so policies do not apply to it."
    elif facts.name == roles.owner or roles.owner in facts.inherits:
        why = f"It has the privileges of the owner {roles.owner}, which can disable row security."
    elif facts.owns:
        why = f"It has the privileges of the owner of {', '.join(facts.owns)}, which can disable row security."
    if why:
        raise errors.UnsafeRole(
            f"Role {facts.name!r} must not serve requests.",
            why=why,
            remedy=f"Log in as {roles.application}, or as a role that may only SET ROLE to it.",
        )
    return tuple(_weaknesses(facts, roles))


def _weaknesses(facts: RoleFacts, roles: Roles) -> Iterator[str]:
    login = f"The login {facts.login_name}"
    undo = f"and uses SET ROLE {facts.name}; injected SQL can undo that with SET ROLE NONE"
    if facts.login_superuser:
        yield f"{login} is a superuser {undo}."
    elif facts.login_bypass_rls:
        yield f"{login} has BYPASSRLS {undo}."
    if facts.login_name == roles.owner:
        yield f"{login} is the owner {undo}."
    for role in sorted({*facts.can_bypass, *({roles.owner} & {*facts.can_become})}):
        yield f"{login} may SET ROLE to {role}, and so may injected SQL."
    if facts.create_role or facts.login_create_role:
        yield f"{login} has CREATEROLE, which a service does not need."
