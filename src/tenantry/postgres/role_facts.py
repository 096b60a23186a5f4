"""What the role of a session may do, as the server tells it, and whether such a role may serve.

Two roles matter: the one in force, whose attributes decide whether row security holds, and the login behind it, to
which whoever injects SQL may return. The invariant: what serves requests is held by row security.
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
    """The role in force and its login.

    Attributes:
        name: the role in force.
        login_name: the role that logged in; the same, unless SET ROLE came between.
        inherits: the roles whose rights the role in force has without asking.
        can_become: the roles that the login may take on by SET ROLE. Empty for a superuser, who may take on any.
        can_bypass: those among them that row security does not hold.
        owns: tables, as `schema.name`, whose owner's rights the role in force has; ten at most.
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
        """Make the facts from a row of `ROLE_FACTS`, whichever driver brought it."""
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in row.items()}
        return cls(**fields)


def read_role(connection: Connection) -> RoleFacts:
    """Read the facts of a SQLAlchemy connection's role, in one statement."""
    return RoleFacts.from_row(dict(connection.exec_driver_sql(ROLE_FACTS).mappings().one()))


async def fetch_role(connection: asyncpg.Connection) -> RoleFacts:
    """Read the facts of an asyncpg connection's role, in one statement."""
    return RoleFacts.from_row(dict(await connection.fetchrow(ROLE_FACTS)))


def check_safe(facts: RoleFacts, roles: Roles) -> tuple[str, ...]:
    """Return sentences about what is weaker than it could be; the role itself must be held by row security.

    Raises:
        UnsafeRole: the role in force is a superuser, may bypass row security, or has the rights of an owner.
    """
    why = ""
    if facts.superuser:
        why = "It is a superuser, whom no policy holds."
    elif facts.bypass_rls:
        why = "It has BYPASSRLS, so no policy holds it."
    elif facts.name == roles.owner or roles.owner in facts.inherits:
        why = f"It has the rights of the owner {roles.owner}, who may switch row security off."
    elif facts.owns:
        why = f"It has the rights of the owner of {', '.join(facts.owns)}, who may switch row security off."
    if why:
        raise errors.UnsafeRole(
            f"Role {facts.name} must not serve requests.",
            why=why,
            remedy=f"Log in as {roles.application}, or as a role that may only SET ROLE to it.",
        )
    return tuple(_weaknesses(facts, roles))


def _weaknesses(facts: RoleFacts, roles: Roles) -> Iterator[str]:
    back = "and so may whoever injects SQL"
    login = f"The login {facts.login_name}"
    if facts.login_superuser:
        yield f"{login} is a superuser that takes on {facts.name}; it may return to itself, {back}."
    elif facts.login_bypass_rls:
        yield f"{login} has BYPASSRLS and takes on {facts.name}; it may return to itself, {back}."
    if facts.login_name == roles.owner:
        yield f"{login} is the owner and takes on {facts.name}; it may return to itself, {back}."
    for role in sorted({*facts.can_bypass, *({roles.owner} & {*facts.can_become})}):
        yield f"{login} may SET ROLE to {role}, {back}."
    if facts.create_role or facts.login_create_role:
        yield f"{login} has CREATEROLE, which a service does not need."
