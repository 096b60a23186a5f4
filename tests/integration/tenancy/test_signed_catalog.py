"""The catalog holds what the models declare of signed tenants, and the audit agrees; either way, a mutant shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import signed_schema
from signed_schema import SIGNED_SCHEMAS
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Address
from tenantry.migrations.difference import operations_between
from tenantry.postgres.catalog import read_objects
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.objects import DatabaseObject, Role
from tenantry.proof.audit import audit
from tenantry.secrets import StaticSource
from tenantry.tenancy.objects import declared_objects

# What somebody did by hand to a healthy schema, and the code and object of the finding that must come of it.
MUTANTS = {
    "the accessor is open to everybody": ("GRANT EXECUTE ON FUNCTION bound_tenant() TO PUBLIC", "bound_tenant"),
    "the accessor believes everybody": (
        """CREATE OR REPLACE FUNCTION bound_tenant() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
           SET search_path = pg_catalog AS $$ SELECT current_setting('app.current_tenant_id', true) $$""",
        "bound_tenant",
    ),
    "the accessor's path is not pinned": ("ALTER FUNCTION bound_tenant() RESET search_path", "bound_tenant"),
    "a policy asks the setting": (
        """ALTER POLICY tenant_isolation_policy ON boxes
           USING (tenant_id::text = (SELECT current_setting('app.current_tenant_id', true)))""",
        "boxes",
    ),
    "the keys are granted": ("GRANT SELECT ON tenant_context_keys TO signed_schema_app", "tenant_context_keys"),
    "the keys are granted to the admin": (
        "GRANT SELECT ON tenant_context_keys TO signed_schema_admin",
        "tenant_context_keys",
    ),
    "the keys are granted to everybody": ("GRANT SELECT ON tenant_context_keys TO PUBLIC", "tenant_context_keys"),
    "the keys have no row security": (
        "ALTER TABLE tenant_context_keys DISABLE ROW LEVEL SECURITY",
        "tenant_context_keys",
    ),
    "the keys have another policy": ("CREATE POLICY hole ON tenant_context_keys USING (true)", "tenant_context_keys"),
}


@pytest.fixture(params=SIGNED_SCHEMAS)
async def kind(request: pytest.FixtureRequest, empty_database: Address) -> signed_schema.SignedSchema:
    """One schema for each type of tenant, built."""
    schema = SIGNED_SCHEMAS[request.param]
    await schema.build(empty_database)
    return schema


@pytest.fixture
async def connection(empty_database: Address) -> AsyncIterator[AsyncConnection]:
    """A superuser's connection."""
    engine = create_engine(StaticSource(empty_database), PoolOptions(size=1), application_name="test")
    async with engine.connect() as opened:
        yield opened
    await engine.dispose()


def differences(found: frozenset[DatabaseObject], schema: signed_schema.SignedSchema) -> list[str]:
    ours = frozenset(item for item in found if not isinstance(item, Role))
    declared = declared_objects(schema.metadata, signed_schema.ROLES) - set(signed_schema.ROLES)
    granted_to_owner = [item for item in ours - declared if getattr(item, "role", "") == signed_schema.ROLES.owner]
    public = [item for item in ours - declared if getattr(item, "kind", "") == "SCHEMA"]
    return [str(one.item) for one in operations_between(ours - {*granted_to_owner, *public}, declared)]


async def test_every_object_is_found_as_it_was_declared(
    kind: signed_schema.SignedSchema, connection: AsyncConnection
) -> None:
    """In PostgreSQL's own words, for every type of tenant: otherwise each `alembic check` would find a difference."""
    assert differences(await connection.run_sync(read_objects), kind) == []


async def test_the_audit_is_clean(
    kind: signed_schema.SignedSchema, connection: AsyncConnection, tmp_path: Path
) -> None:
    found = await audit(connection, signed_schema.service_of(kind, tmp_path))
    # The schema was not made by a revision, and the server may be an old one.
    assert [one for one in found if one.severity == "error" and "revision" not in one.message.lower()] == []
    assert [one for one in found if "tenant_context_keys" in one.object or "bound_tenant" in one.object] == []


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_audit_names_what_was_weakened(
    name: str, empty_database: Address, connection: AsyncConnection, tmp_path: Path
) -> None:
    schema = SIGNED_SCHEMAS["text"]
    await schema.build(empty_database)
    statement, thing = MUTANTS[name]
    await connection.exec_driver_sql(statement)
    await connection.commit()
    assert any(thing in one for one in differences(await connection.run_sync(read_objects), schema))
    await connection.rollback()
    found = await audit(connection, signed_schema.service_of(schema, tmp_path))
    assert any(thing in one.object for one in found), [one.object for one in found]
