"""Who may write a row may draw the number that it needs: declared, migrated, compared and audited."""

from __future__ import annotations

import asyncpg
import full_schema
import numbers_project
import pytest
from shop_project import Project

from tenantry.migrations import migrate, rollback
from tenantry.postgres.connect import connect
from tenantry.postgres.objects import Grant, Sequence
from tenantry.proof.audit import RULES, audit
from tenantry.secrets import StaticSource
from tenantry.tenancy.declarations import Kind, declaration_of

LONG = "a_table_whose_name_is_long_en_a_column_whose_name_is_long_e_seq"
ODD = 'The "Odd"_The "Id"_seq'


@pytest.fixture
def module_text() -> str:
    return numbers_project.MODULE


@pytest.fixture
async def numbers(shop: Project) -> Project:
    """The project at the revision that autogenerate wrote."""
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    return shop


async def insert(project: Project, role: str, *models: str) -> dict[str, str]:
    """Insert a row into the tables of the models in a role; return the SQLSTATEs of what was refused."""
    connection = await connect(StaticSource(project.address), deadline=10, application_name="test")
    refused = {}
    try:
        await connection.execute(f'SET ROLE "{role}"')
        await connection.execute("SET app.current_tenant_id = 'north'")
        for name in models:
            model = getattr(project.module, name)
            values = {"tenant_id": "'north'"} if model is project.module.Firm else {}
            for column in model.__table__.columns:
                if isinstance(column.default, project.module.Sequence) and column.server_default is None:
                    quoted = column.default.name.replace('"', '""')
                    values[column.name] = f"""nextval('"{quoted}"')"""
            table = model.__tablename__.replace('"', '""')
            body = f"({', '.join(values)}) VALUES ({', '.join(values.values())})" if values else "DEFAULT VALUES"
            try:
                await connection.execute(f'INSERT INTO "{table}" {body}')
            except asyncpg.PostgresError as error:
                refused[name] = error.sqlstate
    finally:
        await connection.close()
    return refused


def models_of(project: Project, privilege: str = "") -> list[str]:
    """Return the models into whose tables a role inserts, without the one whose key comes from Python."""
    names = {mapper.local_table.name: mapper.class_.__name__ for mapper in project.module.Base.registry.mappers}
    found = []
    for table in project.service.metadata.sorted_tables:
        declaration = declaration_of(table)
        if declaration.kind is not Kind.INTERNAL and names[table.name] != "Counted":
            found += [names[table.name]] if not privilege or privilege in declaration.privileges else []
    return found


async def said(project: Project) -> set[str]:
    """Return the names of the rules of the audit that do not hold, but for the server's own age."""
    names = {rule.code: name for name, rule in RULES.items()}
    service = project.service
    async with full_schema.session(project.address, role=service.roles.owner) as connection:
        return {names[one.code] for one in await audit(connection, service)} - {"server_outdated"}


async def grants(project: Project) -> set[tuple[str, str, tuple[str, ...]]]:
    """Return the privileges on sequences as (role, sequence, privileges), roles without the project's prefix."""
    found = [item for item in await project.objects() if isinstance(item, Grant) and item.kind == "SEQUENCE"]
    return {(item.role.rpartition("_")[2], item.name, item.privileges) for item in found}


async def test_every_role_that_may_insert_can(numbers: Project) -> None:
    """In tables of all kinds; nothing is left for `alembic check` or the audit to say."""
    roles = numbers.service.roles
    assert await insert(numbers, roles.application, *models_of(numbers, "INSERT")) == {}
    assert await insert(numbers, roles.admin, *models_of(numbers)) == {}
    assert await numbers.differences() == []
    assert await said(numbers) == set()


async def test_no_role_has_more_than_it_needs(numbers: Project) -> None:
    """USAGE by name, and nothing on the sequence of an identity column."""
    both = {
        *("bills_id_seq", "pages_id_seq", "plains_id_seq", ODD, LONG, "a_b_c_seq", "a_b_c_seq1"),
        *("Named Numbers", "common_numbers", "versions"),
    }
    admin = {"firms_id_seq", "lines_id_seq", "currencies_id_seq", "lonely"}
    assert await grants(numbers) == {
        *(("app", name, ("USAGE",)) for name in both),
        *(("admin", name, ("USAGE",)) for name in both | admin),
    }
    assert (
        await numbers.sql("SELECT count(*) FROM pg_class WHERE relname = 'identified_id_seq' AND relacl IS NULL") == 1
    )
    assert await numbers.sql("SELECT count(*) FROM pg_class WHERE relname ~ '(named|drawn|counted)_id_seq'") == 0
    assert await insert(numbers, numbers.service.roles.application, "Line", "Currency", "Firm") == dict.fromkeys(
        ("Line", "Currency", "Firm"), "42501"
    )


async def test_up_down_up_leaves_the_same_catalog(numbers: Project) -> None:
    first, dump = await numbers.objects(), await numbers.dump()
    await rollback(numbers.deployment, "base")
    assert await numbers.sql("SELECT count(*) FROM pg_class WHERE relkind = 'S'") == 0
    await migrate(numbers.deployment)
    assert (await numbers.objects(), await numbers.dump()) == (first, dump)


# What somebody did by hand, the operations that put it right, and the codes of the audit.
MUTANTS = {
    "the application may not draw": (
        "REVOKE USAGE ON SEQUENCE plains_id_seq FROM {app}",
        ["grant"],
        {"grant_missing"},
    ),
    "the admin role may not draw": (
        "REVOKE USAGE ON SEQUENCE bills_id_seq FROM {admin}",
        ["grant"],
        {"grant_missing"},
    ),
    "a declared sequence may not be drawn from": (
        'REVOKE USAGE ON SEQUENCE "Named Numbers" FROM {app}',
        ["grant"],
        {"grant_missing"},
    ),
    "the application may set the next number": (
        "GRANT UPDATE ON SEQUENCE bills_id_seq TO {app}",
        ["revoke"],
        {"grant_undeclared", "sequence_exposed"},
    ),
    "the application may draw for an identity": (
        "GRANT USAGE ON SEQUENCE identified_id_seq TO {app}",
        ["revoke"],
        {"grant_undeclared"},
    ),
    "the application may draw where it may not insert": (
        "GRANT USAGE ON SEQUENCE currencies_id_seq TO {app}",
        ["revoke"],
        {"grant_undeclared"},
    ),
    "PUBLIC may draw": ("GRANT USAGE ON SEQUENCE lonely TO PUBLIC", ["revoke"], {"grant_to_public"}),
    "a serial column has no default": (
        "ALTER TABLE plains ALTER id DROP DEFAULT; DROP SEQUENCE plains_id_seq",
        ["create_serial", "grant"],
        {"column_default"},
    ),
    "a declared sequence has other options": (
        'ALTER SEQUENCE "Named Numbers" INCREMENT BY 7',
        ["alter_sequence"],
        {"sequence_differs"},
    ),
    "a declared sequence is not there": (
        "DROP SEQUENCE versions",
        ["create_sequence", "grant"],
        {"sequence_differs"},
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_what_was_done_by_hand_is_found_and_undone(numbers: Project, mutant: str) -> None:
    """By `alembic check` and by the audit; the revision that is written heals it, and its downgrade brings it back."""
    statement, operations, rules = MUTANTS[mutant]
    roles = numbers.service.roles
    healthy = await numbers.objects()
    await numbers.sql(statement.format(app=roles.application, admin=roles.admin), "SELECT 1")
    broken = await numbers.objects()
    assert {verb for verb, _ in await numbers.differences()} == set(operations)
    assert await said(numbers) == rules
    await numbers.autogenerate(mutant)
    await migrate(numbers.deployment)
    assert await numbers.differences() == []
    assert await said(numbers) == set()
    assert await numbers.objects() == healthy
    await rollback(numbers.deployment)
    assert await numbers.objects() == broken


async def test_a_renamed_table_keeps_its_sequence(numbers: Project) -> None:
    """The name is the database's: privileges are looked for on the sequence that the column draws from."""
    await numbers.sql("ALTER SEQUENCE plains_id_seq RENAME TO older_name", "SELECT 1")
    assert await numbers.differences() == []
    assert await said(numbers) == set()
    role = numbers.service.roles.application
    await numbers.sql(f"REVOKE USAGE ON SEQUENCE older_name FROM {role}", "SELECT 1")
    assert await numbers.differences() == [("grant", Grant(role, ("USAGE",), "older_name", "SEQUENCE"))]
    assert await said(numbers) == {"grant_missing"}


async def test_a_column_becomes_serial_in_a_later_revision(shop: Project) -> None:
    """Its numbers go on after the largest that is there; the way back leaves the column as it was."""
    column = shop.service.metadata.tables["plains"].c.id
    column.autoincrement = False
    _forget_keys(shop)
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    before = await shop.objects()
    assert await shop.sql("SELECT to_regclass('plains_id_seq')::text") is None
    await shop.sql("INSERT INTO plains VALUES (41)", "SELECT 1")
    column.autoincrement = "auto"
    _forget_keys(shop)
    assert {verb for verb, _ in await shop.differences()} == {"create_serial", "grant"}
    await shop.autogenerate("number plains")
    await migrate(shop.deployment)
    assert await shop.differences() == []
    assert await said(shop) == set()
    assert await insert(shop, shop.service.roles.application, "Plain") == {}
    assert await shop.sql("SELECT max(id) FROM plains") == 42
    await rollback(shop.deployment)
    assert await shop.objects() == before


@pytest.mark.parametrize("module_text", [numbers_project.IN_A_SCHEMA])
async def test_a_table_in_another_schema_has_its_sequence_there(shop: Project) -> None:
    roles = shop.service.roles
    await shop.autogenerate("first")
    await shop.sql(f"CREATE ROLE {roles.owner}", f"CREATE SCHEMA crm AUTHORIZATION {roles.owner}", "SELECT 1")
    await migrate(shop.deployment)
    await shop.sql(f"GRANT USAGE ON SCHEMA crm TO {roles.application}", "SELECT 1")
    await shop.sql(f"SET ROLE {roles.application}", "INSERT INTO crm.plains DEFAULT VALUES", "SELECT 1")
    assert [item for _, item in await shop.differences() if getattr(item, "kind", "") != "SCHEMA"] == []
    await shop.sql(f"REVOKE USAGE ON SEQUENCE crm.plains_id_seq FROM {roles.application}", "SELECT 1")
    missing = Grant(roles.application, ("USAGE",), "plains_id_seq", "SEQUENCE", "crm")
    assert ("grant", missing) in await shop.differences()
    assert "grant_missing" in await said(shop)


async def test_a_serial_column_that_goes_comes_back_with_its_sequence(numbers: Project) -> None:
    before, dump = await numbers.objects(), await numbers.dump()
    owner = numbers.service.roles.owner
    await numbers.sql(
        f"SET ROLE {owner}",
        "ALTER TABLE plains ADD COLUMN extra bigserial",
        f"GRANT USAGE ON SEQUENCE plains_extra_seq TO {numbers.service.roles.application}",
        "SELECT 1",
    )
    with_it = await numbers.objects()
    assert [verb for verb, _ in await numbers.differences()] == ["revoke", "drop_serial", "remove_column"]
    await numbers.autogenerate("no extra")
    await migrate(numbers.deployment)
    assert (await numbers.objects(), await numbers.dump()) == (before, dump)
    await rollback(numbers.deployment)
    assert await numbers.objects() == with_it


async def test_a_sequence_that_no_model_has_is_not_dropped(numbers: Project) -> None:
    """It keeps its number; the audit tells of it."""
    await numbers.sql(f"SET ROLE {numbers.service.roles.owner}", "CREATE SEQUENCE stray", "SELECT 1")
    assert Sequence("stray") in await numbers.objects()
    assert await numbers.differences() == []
    assert await said(numbers) == {"sequence_undeclared"}


def _forget_keys(project: Project) -> None:
    """Have SQLAlchemy decide again which column counts."""
    for table in project.service.metadata.tables.values():
        table.primary_key.__dict__.pop("_autoincrement_column", None)
        table.__dict__.pop("_autoincrement_column", None)
