"""The login behind the application: RESET ROLE leads back to it, so what it may become the application may."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Service
from tenantry.proof.audit import RULES, Finding, audit

CODE = RULES["login_escapes"].code


async def _found(connection: AsyncConnection, service: Service, *statements: str) -> list[Finding]:
    for statement in ("CREATE ROLE full_schema_login LOGIN", "GRANT {app} TO full_schema_login", *statements):
        roles = service.roles
        names = {"app": roles.application, "owner": roles.owner, "admin": roles.admin}
        await connection.exec_driver_sql(statement.format(**names))
    return [one for one in await audit(connection, service, login="full_schema_login") if one.code == CODE]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("GRANT {owner} TO full_schema_login", "a member of"),
        ("GRANT {admin} TO full_schema_login", "a member of"),
        ("GRANT pg_read_all_data TO full_schema_login", "pg_read_all_data"),
        ("ALTER ROLE full_schema_login BYPASSRLS", "BYPASSRLS"),
        ("ALTER ROLE full_schema_login SUPERUSER", "a superuser"),
        ("ALTER ROLE full_schema_login CREATEROLE", "CREATEROLE"),
    ],
)
async def test_a_login_that_can_become_more_is_told(
    superuser: AsyncConnection, service: Service, statement: str, said: str
) -> None:
    (found,) = await _found(superuser, service, statement)
    assert found.object.startswith("role full_schema_login: ")
    assert found.severity == "warning"
    assert said in found.message
    assert found.remedy


async def test_a_login_that_can_become_the_application_alone_is_none(
    superuser: AsyncConnection, service: Service
) -> None:
    assert await _found(superuser, service) == []


async def test_the_application_as_its_own_login_is_none(superuser: AsyncConnection, service: Service) -> None:
    findings = await audit(superuser, service, login=service.roles.application)
    assert [one for one in findings if one.code == CODE] == []


async def test_a_login_that_begins_as_the_application_may(superuser: AsyncConnection, service: Service) -> None:
    """`role` preset to the application is how such a login is meant to begin; to the owner it is not."""
    preset = "ALTER ROLE full_schema_login SET role = '{app}'"
    await _found(superuser, service, preset)
    found = {one.code for one in await audit(superuser, service, login="full_schema_login")}
    assert RULES["role_preset"].code not in found
