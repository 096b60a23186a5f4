"""What the audit says of a database that is right, and what it does to one."""

from __future__ import annotations

import dataclasses

import full_schema
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Address, Service
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.audit import RULES, audit

LOCKS = "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL"


async def _found(connection: AsyncConnection, service: Service) -> list[str]:
    """Return what was found besides what depends on the server alone."""
    return [str(one) for one in await audit(connection, service) if one.code != RULES["server_outdated"].code]


async def test_a_database_that_holds_what_the_models_promise_is_clean(
    superuser: AsyncConnection, service: Service
) -> None:
    assert await _found(superuser, service) == []


async def test_the_owner_can_audit(full_schema_address: Address, service: Service) -> None:
    async with full_schema.session(full_schema_address, role=service.roles.owner) as connection:
        assert await _found(connection, service) == []


async def test_who_may_not_read_is_told_what_was_not_compared(full_schema_address: Address, service: Service) -> None:
    """A role without SELECT sees the catalog; what only EXPLAIN could tell is a finding, and no false alarm."""
    async with full_schema.session(full_schema_address) as connection:
        await connection.exec_driver_sql("CREATE ROLE full_schema_auditor")
        await connection.exec_driver_sql("SET LOCAL ROLE full_schema_auditor")
        findings = await audit(connection, service)
        await connection.rollback()
    codes = {one.code for one in findings}
    assert codes - {RULES["server_outdated"].code} == {RULES["not_compared"].code}
    assert {one.object for one in findings} >= {"table public.ships", "table public.alembic_version"}


async def test_a_schema_that_may_not_be_used_is_not_compared(full_schema_address: Address, service: Service) -> None:
    """SELECT on a table is not enough to ask about it."""
    async with full_schema.session(full_schema_address) as connection:
        await connection.exec_driver_sql("CREATE ROLE full_schema_auditor")
        await connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO full_schema_auditor")
        await connection.exec_driver_sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        await connection.exec_driver_sql("SET LOCAL ROLE full_schema_auditor")
        findings = await audit(connection, service)
        await connection.rollback()
    assert "table public.ships" in {one.object for one in findings if one.code == RULES["not_compared"].code}


@pytest.mark.parametrize("catalog", ["pg_publication", "pg_default_acl", "pg_operator", "pg_event_trigger"])
async def test_a_catalog_that_is_closed_is_told(full_schema_address: Address, service: Service, catalog: str) -> None:
    """Where an administrator has taken from PUBLIC what every new server gives, the rest is looked at all the same."""
    async with full_schema.session(full_schema_address) as connection:
        await connection.exec_driver_sql("CREATE ROLE full_schema_auditor")
        await connection.exec_driver_sql(f"REVOKE SELECT ON {catalog} FROM PUBLIC")
        await connection.exec_driver_sql("ALTER TABLE ships DISABLE ROW LEVEL SECURITY")
        await connection.exec_driver_sql("SET LOCAL ROLE full_schema_auditor")
        findings = await audit(connection, service)
        await connection.rollback()
    told = [one for one in findings if one.code == RULES["not_compared"].code and one.object.startswith("catalog ")]
    assert len(told) == 1
    assert RULES["rls_disabled"].code in {one.code for one in findings}


async def test_the_audit_takes_no_lock_that_anybody_waits_for(superuser: AsyncConnection, service: Service) -> None:
    await audit(superuser, service)
    modes = (await superuser.exec_driver_sql(LOCKS)).scalars().all()
    assert set(modes) == {"AccessShareLock"}


async def test_the_audit_makes_its_transaction_read_only(superuser: AsyncConnection, service: Service) -> None:
    await audit(superuser, service)
    with pytest.raises(DBAPIError) as refused:
        await superuser.exec_driver_sql("INSERT INTO tides VALUES (1)")
    assert sqlstate_of(refused.value) == "25006"


async def test_a_column_default_in_other_words_is_the_same(superuser: AsyncConnection, service: Service) -> None:
    """What means the same to the server is no finding, however it was typed."""
    await superuser.exec_driver_sql("ALTER TABLE ships ALTER crew SET DEFAULT (3 - 2)")
    await superuser.exec_driver_sql("ALTER TABLE ships DROP CONSTRAINT ck_ships_kind")
    checked = "CHECK (kind::text = ANY (ARRAY['barge'::varchar, 'ferry'::varchar]::text[]))"
    await superuser.exec_driver_sql(f"ALTER TABLE ships ADD CONSTRAINT ck_ships_kind {checked}")
    assert await _found(superuser, service) == []


async def test_one_expression_that_does_not_fit_does_not_hide_the_others(
    superuser: AsyncConnection, service: Service
) -> None:
    """All questions are asked at once; a column that is gone spoils the statement, and each is asked by itself then."""
    await superuser.exec_driver_sql("ALTER TABLE ships DROP COLUMN kind")
    await superuser.exec_driver_sql("ALTER TABLE ships ALTER crew SET DEFAULT (3 - 2)")
    await superuser.exec_driver_sql("ALTER TABLE ships ADD CONSTRAINT ck_ships_kind CHECK (crew > 0)")
    found = {(one.code, one.object) for one in await audit(superuser, service)}
    assert (RULES["constraint_altered"].code, "constraint public.ships.ck_ships_kind") in found
    assert (RULES["column_default"].code, "column public.ships.crew") not in found


async def test_the_gravest_comes_first(superuser: AsyncConnection, service: Service) -> None:
    await superuser.exec_driver_sql("CREATE FUNCTION two() RETURNS integer LANGUAGE sql AS 'SELECT 2'")
    await superuser.exec_driver_sql("ALTER TABLE ships ADD COLUMN flag text, DISABLE ROW LEVEL SECURITY")
    order = [one.severity for one in await audit(superuser, service)]
    assert order == sorted(order, key=["error", "warning", "info"].index)
    assert set(order) == {"error", "warning", "info"}


async def test_the_remedies_mend_what_was_broken(superuser: AsyncConnection, service: Service) -> None:
    """Each remedy is SQL that can be sent as it stands; afterwards nothing is found."""
    for broken in (
        "ALTER TABLE ships DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation_policy ON cargo",
        "CREATE POLICY extra ON ships USING (true)",
        "DROP TRIGGER trigger_ships_updated_at ON ships",
        "GRANT TRUNCATE, DELETE ON cargo TO PUBLIC",
        "REVOKE UPDATE ON ships FROM {app}",
        "ALTER TABLE ships ALTER crew DROP DEFAULT, ALTER name DROP NOT NULL, DROP CONSTRAINT ck_ships_kind",
        "DROP INDEX ix_ships_ferries",
    ):
        await superuser.exec_driver_sql(broken.format(app=service.roles.application))
    await superuser.exec_driver_sql("SAVEPOINT broken")
    findings = await audit(superuser, service)
    # Going back to the savepoint also ends the audit's READ ONLY.
    await superuser.exec_driver_sql("ROLLBACK TO SAVEPOINT broken")
    for finding in findings:
        for statement in finding.remedy.split("; "):
            if not statement.startswith("Update to"):
                await superuser.exec_driver_sql(statement)
    assert len(findings) >= 8
    assert await _found(superuser, service) == []


async def test_an_extension_that_nobody_declared_is_told(superuser: AsyncConnection, service: Service) -> None:
    bare = dataclasses.replace(service, extensions=())
    codes = {one.code: one.severity for one in await audit(superuser, bare)}
    assert codes[RULES["extension_undeclared"].code] == "info"
