"""Attacks through roles: become another role, change the own one, leave settings behind.

A role that the attacker became is judged by what it can read: rows of other tenants, or the server's files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg

from tenantry import sql
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, Verdict, blocked, breach, limit, record
from tenantry.tenancy.declarations import tenancy_of

# Their members can read and write the server's files or run programs, and so reach all data.
SERVER_ACCESS_ROLES = frozenset({"pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"})

# What SET ROLE takes for the role of the login.
NO_ROLE = "NONE"

# invalid_parameter_value, with which SET ROLE refuses the name of a role that does not exist.
NO_SUCH_ROLE = "22023"
OTHER_ROLES = "SELECT rolname::text AS name FROM pg_roles WHERE rolname <> current_user ORDER BY rolname"


async def _sees_foreign(session: AttackSession, become: str) -> str:
    """Return the first table that shows rows of others after the statement `become`; '' if no table does."""
    for target in session.attacked.tables:
        tenant = sql.identifier(target.tenant_column)
        table = sql.qualified(target.schema, target.name)
        session.begin(f"{session.attacked.bind_sql(session.attacked.attacker)}; {become}")
        try:
            rows = await session.fetch(
                f"SELECT FROM {table} WHERE {tenant}::text <> {sql.literal(session.attacked.attacker)} LIMIT 1"
            )
        except asyncpg.PostgresError as error:
            if session.judge(error).outcome is not Outcome.BLOCKED:
                raise
            continue
        if rows:
            return f"{target.schema}.{target.name}"
    return ""


async def _becomes(session: AttackSession, statement: str, role: str) -> Verdict:
    """Judge a statement by which the attacker becomes a role."""
    session.begin(session.attacked.bind_sql(session.attacked.attacker))
    taken = await session.refused(statement)
    if taken.outcome is Outcome.SKIPPED and NO_SUCH_ROLE in taken.detail:
        return blocked("another session has dropped the role")
    if taken.outcome is not Outcome.BREACH:
        return taken
    if role in SERVER_ACCESS_ROLES:
        return breach(f"It became {role}, which may use the server's files or programs.")
    table = await _sees_foreign(session, statement)
    return (
        breach(f"It became the role, and saw rows of others in {table}.") if table else blocked("the role sees no more")
    )


@service_attack("role", "become another role")
async def set_role(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """SET ROLE to every role of the cluster, and back to the login."""
    async with open_session(attacked) as session:
        for row in await session.fetch(OTHER_ROLES):
            name = row["name"]
            verdict = await _becomes(session, f"SET LOCAL ROLE {sql.identifier(name)}", name)
            yield record("set_role", f"role {name}", verdict)
        for statement, thing in (("SET LOCAL ROLE 'none'", f"role {NO_ROLE}"), ("RESET ROLE", "login")):
            table = await _sees_foreign(session, statement)
            verdict = breach(f"{statement} showed rows of others in {table}.") if table else blocked("the same role")
            yield record("set_role", thing, verdict)


@service_attack("role", "become another session user")
async def set_session_authorization(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """SET SESSION AUTHORIZATION to every role."""
    async with open_session(attacked) as session:
        for row in await session.fetch(OTHER_ROLES):
            name = row["name"]
            verdict = await _becomes(session, f"SET LOCAL SESSION AUTHORIZATION {sql.identifier(name)}", name)
            yield record("set_session_authorization", f"role {name}", verdict)


@service_attack("role", "see rows by an attribute or a membership that its own role has")
async def role_as_it_is(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A superuser, a role with BYPASSRLS or a member of the owner sees all rows."""
    async with open_session(attacked) as session:
        table = await _sees_foreign(session, "SELECT")
        verdict = breach(f"The role sees rows of others in {table}.") if table else blocked("no row of others")
        yield record("role_as_it_is", f"role {attacked.application.role}", verdict)


def _statements(attacked: AttackedDatabase) -> dict[str, tuple[str, str]]:
    """Return statements that give the role more rights, each with its object, by a name."""
    roles = attacked.service.roles
    own, owner, admin = (sql.identifier(name) for name in (attacked.application.role, roles.owner, roles.admin))
    return {
        "bypass": (f"role {attacked.application.role}", f"ALTER ROLE {own} BYPASSRLS"),
        "superuser": (f"role {attacked.application.role}", f"ALTER ROLE {own} SUPERUSER"),
        "createrole": (f"role {attacked.application.role}", f"ALTER ROLE {own} CREATEROLE"),
        "owner": (f"role {roles.owner}", f"GRANT {owner} TO {own}"),
        "admin": (f"role {roles.admin}", f"GRANT {admin} TO {own}"),
        "password": (f"role {roles.admin}", f"ALTER ROLE {admin} PASSWORD 'tenantry'"),
        "admin's settings": (f"role {roles.admin}", f"ALTER ROLE {admin} SET search_path = pg_temp"),
        "new role": ("role tenantry_intruder", "CREATE ROLE tenantry_intruder IN ROLE pg_read_all_data"),
        "reassign": (f"role {roles.owner}", f"REASSIGN OWNED BY {owner} TO {own}"),
        "drop owned": (f"role {roles.owner}", f"DROP OWNED BY {owner} CASCADE"),
        "default privileges": (
            f"role {roles.owner}",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO {own}",
        ),
    }


@service_attack("role", "give its role more rights, or change another role")
async def alter_roles(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """ALTER ROLE, GRANT of a role, CREATE ROLE, REASSIGN OWNED, ALTER DEFAULT PRIVILEGES."""
    async with open_session(attacked) as session:
        for thing, statement in _statements(attacked).values():
            session.begin(attacked.bind_sql(attacked.attacker))
            yield record("alter_roles", thing, await session.refused(statement))


@service_attack("role", "leave the victim's tenant behind as a default of its role")
async def preset_tenant(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """ALTER ROLE ... SET: PostgreSQL lets every role set defaults for its own sessions."""
    setting = tenancy_of(attacked.service.metadata).setting
    role = attacked.application.role
    async with open_session(attacked) as session:
        session.begin(attacked.bind_sql(attacked.attacker))
        verdict = await session.refused(
            f"ALTER ROLE {sql.identifier(role)} SET {setting} = {sql.literal(attacked.victim)}"
        )
        if verdict.outcome is Outcome.BREACH:
            verdict = limit(
                "A role may set defaults for its own sessions. The binding of a unit of work overrides them; "
                "the audit finds it (tenant_preset)."
            )
        yield record("preset_tenant", f"role {role}", verdict)
