"""Logins for the proof of a database for which only an administrator's URL is given.

An attacker in an administrator's login could use RESET ROLE, and the proof would be worthless. So the proof makes two
logins, each a member of one role only. PostgreSQL checks SET ROLE against the login, which then has the application's
rights and no more.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import asyncpg
from pydantic import SecretStr

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.roles import Roles
from tenantry.postgres.scram import scram_verifier
from tenantry.proof.scratch.reservation import Scratch
from tenantry.sql import identifier, literal

__all__ = ["make_logins"]


async def make_logins(scratch: Scratch, roles: Roles, given: Mapping[Purpose, Address]) -> dict[Purpose, Address]:
    """Make the two logins, and return their addresses with the given one for migrations.

    A URL of the application's own login is used for all three purposes.

    Raises:
        ConfigurationError: the given login may not make them.
    """
    address = given["application"]
    if address.user == roles.application:
        return dict(given)
    found: dict[Purpose, Address] = {"migration": address}
    wanted: dict[Purpose, str] = {"application": roles.application, "admin": roles.admin}
    for purpose, role in wanted.items():
        name, password = scratch.name_login(purpose), secrets.token_urlsafe(24)
        scratch.logins.append(name)
        try:
            # Without INHERIT the login has no rights of the role until SET ROLE.
            await scratch.keeper.execute(
                f"CREATE ROLE {identifier(name)} LOGIN NOINHERIT PASSWORD {literal(scram_verifier(password))}"
            )
            await scratch.keeper.execute(f"GRANT {identifier(role)} TO {identifier(name)}")
        except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError) as error:
            raise errors.ConfigurationError(
                f"The login {address.user} of --database-url cannot make a login that is a member of {role}.",
                why=str(error).rstrip(".") + ".",
                remedy=f"Give the URL of a superuser, or of a login with CREATEROLE that may grant {role}.",
            ) from error
        found[purpose] = address.replace(user=name, password=SecretStr(password))
    return found
