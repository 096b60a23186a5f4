"""Attacks with the tenant's name: a missing one, a malformed one, one similar to another's, one with SQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from sqlalchemy import Integer, Uuid, select

from tenantry import errors
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, readable
from tenantry.proof.isolation.verdict import Verdict, blocked
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []

MISSING: tuple[object, ...] = (None, "", " ", "\t\n", b"", 0.5, [], ())

# Text that bad code may read as the end of a literal, as a pattern, or as the end of a statement.
ODD = ("'", "''", '"', "\\", "\\'", "$$", "%", "_", "*", ";", "--", "/*", "NULL", "null", "0", "ünïcødé", "租户", "ß")


def _tricky(toolkit: AttackedToolkit) -> Iterator[str]:
    """Yield names that no tenant has, made from the victim's."""
    victim, setting = toolkit.victim, toolkit.tenancy.setting
    yield from ODD
    for odd in ODD:
        yield victim + odd
        yield odd + victim
    yield victim[:-1]
    yield victim.upper() if victim.upper() != victim else victim.lower()
    yield f"x' OR '{victim}' = '{victim}"
    for escape in ("x'", "x\\'", "x''", "'", "\\"):
        yield f"{escape}; SET LOCAL {setting} = '{victim}"
        yield f"{escape}; SET LOCAL {setting} = '{victim}'; --"
    yield f"{toolkit.attacker}', '{victim}"
    yield f"{victim}|{toolkit.attacker}"
    yield str(uuid.uuid4())


@runtime_attack("tenant", "be bound to another tenant by a name that is quoted, escaped, cut or spelled differently")
async def tenant_tricky_names(toolkit: AttackedToolkit) -> Verdict:
    """Bind each name through the toolkit. It must be refused, or see no row."""
    refused = bound = 0
    known = {tenant for target in toolkit.attacked.tables for tenant in target.rows}
    for name in _tricky(toolkit):
        try:
            if str(parse_tenant(name, toolkit.tenancy.type)) in known:
                continue  # A uuid has several spellings of the same tenant.
            async with toolkit.database.tenant(name) as session:
                await _check_sees_nothing(toolkit, session, name)
                bound += 1
        except errors.TenantInvalid:
            refused += 1
    await toolkit.check("after tricky names")
    return blocked(f"{bound} names were bound and saw nothing, {refused} were refused")


async def _check_sees_nothing(toolkit: AttackedToolkit, session: TenantSession, name: str) -> None:
    where = f"bound to {name!r}"
    connection = await session.connection()
    try:
        rows = (await connection.exec_driver_sql(toolkit.owners_query)).all()
    except Exception as error:
        raise Leak(f"{where}, the server could not read the name: {type(error).__name__}: {error}") from error
    toolkit.judge(rows, None, where)
    for target in readable(toolkit.attacked):
        typed = select(target.table.c[target.tenant_column])
        if (await session.execute(typed)).all():
            raise Leak(f"{where}, rows of {target.name} were seen")


@runtime_attack("tenant", "work without a tenant, or with an invalid one")
async def tenant_missing(toolkit: AttackedToolkit) -> Verdict:
    """Open units of work with a missing or invalid tenant. The toolkit must refuse before it sends a statement."""
    malformed: tuple[object, ...] = ("\0", "a\0b", "x" * 100_000)
    if isinstance(toolkit.tenancy.type, Uuid | Integer):
        malformed += ("not-a-tenant", "1e3", f"{toolkit.victim}'", f"{toolkit.victim} OR true")
    for tenant in (*MISSING, *malformed):
        for read_only in (False, True):
            try:
                async with toolkit.database.tenant(tenant, read_only=read_only) as session:
                    await session.connection()
            except (errors.TenantRequired, errors.TenantInvalid):
                continue
            raise Leak(f"a unit of work was opened with {str(tenant)[:40]!r} as its tenant")
    await toolkit.check("after missing tenants")
    return blocked()
