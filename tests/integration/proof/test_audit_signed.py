"""A service whose tenant is signed: what would make the signature worth nothing is found."""

from __future__ import annotations

from pathlib import Path

import full_schema
import pytest
import valid_services
from valid_services import VARIATIONS

from tenantry import Address
from tenantry.proof.audit import RULES, audit

(SIGNED,) = [one for one in VARIATIONS if one.name == "a signed tenant"]
UNSIGNED = "tenant_id::text = (SELECT nullif(current_setting('app.current_tenant_id', true), ''))"
UNVERIFIED = (
    "CREATE OR REPLACE FUNCTION bound_tenant() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER"
    " SET search_path = pg_catalog, pg_temp AS $$SELECT split_part(current_setting('app.current_tenant_id'), '|', 1)$$"
)


@pytest.mark.parametrize(
    ("statement", "rule", "thing"),
    [
        (
            f"ALTER POLICY tenant_isolation_policy ON boats USING ({UNSIGNED}) WITH CHECK ({UNSIGNED})",
            "policy_altered",
            "policy public.boats.tenant_isolation_policy",
        ),
        (
            "ALTER POLICY tenant_isolation_policy ON boats USING (true)",
            "policy_always_true",
            "policy public.boats.tenant_isolation_policy",
        ),
        ("GRANT SELECT ON tenant_context_keys TO {app}", "grant_undeclared", "table public.tenant_context_keys"),
        (
            "ALTER TABLE tenant_context_keys DISABLE ROW LEVEL SECURITY",
            "rls_disabled",
            "table public.tenant_context_keys",
        ),
        ("ALTER FUNCTION bound_tenant() RESET search_path", "definer_unpinned", "function public.bound_tenant"),
        ("ALTER FUNCTION bound_tenant() SECURITY INVOKER", "function_altered", "function public.bound_tenant"),
        ("GRANT EXECUTE ON FUNCTION bound_tenant() TO PUBLIC", "definer_to_public", "function public.bound_tenant"),
        (
            UNVERIFIED,
            "function_altered",
            "function public.bound_tenant",
        ),
    ],
)
async def test_a_signature_that_is_worth_nothing_is_found(
    statement: str, rule: str, thing: str, empty_database: Address, tmp_path: Path, full_schema_extension: str
) -> None:
    service = await valid_services.build(empty_database, SIGNED, tmp_path / "migrations", full_schema_extension)
    try:
        async with full_schema.session(empty_database) as connection:
            await connection.exec_driver_sql(statement.format(app=service.roles.application))
            findings = await audit(connection, service)
            await connection.rollback()
    finally:
        await full_schema.drop_roles(empty_database, service)
    assert [one for one in findings if one.code == RULES[rule].code and one.object.startswith(thing)]
