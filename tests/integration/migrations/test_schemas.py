"""A schema of the models is created, granted, compared and dropped; one that no migration created is kept."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from named_project import NAMES
from shop_project import Project
from sqlalchemy import Sequence
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Global, TenantBase, errors
from tenantry.alembic import schema_script
from tenantry.migrations import migrate, rollback
from tenantry.proof.audit.inspection import audit_database

TWO = NAMES["two more schemas"].module


@pytest.fixture
def module_text() -> str:
    """The parent is in the schema `crm`, the child in `billing`."""
    return TWO


@pytest.fixture
async def made(shop: Project) -> Project:
    """The project at its first revision."""
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    return shop


async def findings(shop: Project) -> list[tuple[str, str]]:
    """Return code and object of what the audit finds, without the login: tests log in as a superuser."""
    found = await audit_database(shop.deployment)
    return [(finding.code, finding.object) for finding in found if finding.code != "TN324"]


def replace_models(shop: Project) -> None:
    """Give the service models that are all in the default schema."""

    class Base(TenantBase, DeclarativeBase): ...

    class Plain(Global, Base):
        __tablename__ = "plains"
        id: Mapped[int] = mapped_column(primary_key=True)

    shop.module.service = dataclasses.replace(shop.service, metadata=Base.metadata)  # type: ignore[attr-defined]


async def test_the_revision_creates_schemas_first_and_drops_them_last(shop: Project) -> None:
    text = (await shop.autogenerate("first")).read_text()
    upgrade, downgrade = text.split("def downgrade")
    assert upgrade.index('op.create_schema("billing")') < upgrade.index("op.create_table")
    assert upgrade.index('op.create_schema("crm")') < upgrade.index("op.create_table")
    assert downgrade.rindex("op.drop_table") < downgrade.index('op.drop_schema("crm")')
    assert downgrade.index('op.revoke("') < downgrade.index('op.drop_schema("crm")')
    assert text.count('["USAGE"], "crm", kind="SCHEMA"') == 4


async def test_the_owner_owns_the_schema_and_both_roles_may_use_it(made: Project) -> None:
    owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'crm'"
    assert await made.sql(owner) == made.service.roles.owner
    for role in (made.service.roles.application, made.service.roles.admin):
        assert await made.sql(f"SELECT has_schema_privilege('{role}', 'crm', 'USAGE')")
        assert not await made.sql(f"SELECT has_schema_privilege('{role}', 'crm', 'CREATE')")
    assert not await made.sql("SELECT nspacl::text LIKE '%=U/%,=%' FROM pg_namespace WHERE nspname = 'crm'")


@pytest.mark.parametrize("statements", [(), ("GRANT USAGE ON SCHEMA crm TO PUBLIC",)], ids=["no role", "only PUBLIC"])
async def test_a_lost_privilege_is_found_by_every_view_and_comes_back(
    made: Project, statements: tuple[str, ...]
) -> None:
    role = made.service.roles.application
    await made.sql(f"REVOKE USAGE ON SCHEMA crm FROM {role}", *statements, "SELECT 1")
    assert await findings(made) == [("TN101", "schema crm.crm")]
    assert {verb for verb, _ in await made.differences()} == {"grant"}
    await made.autogenerate("again")
    await migrate(made.deployment)
    assert (await findings(made), await made.differences()) == ([], [])


async def test_a_schema_that_exists_is_used_and_stays(shop: Project, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody created it after the revision was written."""
    await shop.autogenerate("first")
    owner = shop.service.roles.owner
    await migrate(shop.deployment, "base")
    await shop.sql("CREATE SCHEMA crm", f"GRANT ALL ON SCHEMA crm TO {owner} WITH GRANT OPTION", "SELECT 1")
    await migrate(shop.deployment)
    assert (await findings(shop), await shop.differences()) == ([], [])
    with caplog.at_level(logging.WARNING):
        await rollback(shop.deployment, "base")
    assert "The schema crm stays: no migration created it." in caplog.text
    assert (
        await shop.sql("SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname IN ('crm', 'billing')") == "crm"
    )


async def test_a_schema_that_the_owner_may_not_use_is_refused(shop: Project) -> None:
    """GRANT would do nothing but warn; the remedy is accepted."""
    await shop.autogenerate("first")
    await shop.sql("CREATE SCHEMA crm", "GRANT CREATE, USAGE ON SCHEMA crm TO PUBLIC", "SELECT 1")
    with pytest.raises(errors.MigrationError, match="The schema 'crm' exists") as caught:
        await migrate(shop.deployment)
    remedy = str(caught.value.remedy).partition(": ")[2]
    assert remedy == f'ALTER SCHEMA "crm" OWNER TO "{shop.service.roles.owner}";'
    await shop.sql(remedy, "REVOKE ALL ON SCHEMA crm FROM PUBLIC", "SELECT 1")
    await migrate(shop.deployment)
    assert (await findings(shop), await shop.differences()) == ([], [])


async def test_a_schema_with_objects_of_others_stays(made: Project, caplog: pytest.LogCaptureFixture) -> None:
    await made.sql("CREATE TABLE crm.of_others (id integer)", "SELECT 1")
    with caplog.at_level(logging.WARNING):
        await rollback(made.deployment, "base")
    assert "The schema crm stays: it contains objects that no model declares." in caplog.text
    assert await made.sql("SELECT count(*) FROM crm.of_others") == 0


async def test_a_schema_that_the_models_leave_goes_with_its_tables(made: Project) -> None:
    """Its tables, grants and functions go in one revision, whose downgrade makes all of them again."""
    before = await made.dump()
    replace_models(made)
    assert ("TN406", "table crm.books") in await findings(made)
    text = (await made.autogenerate("leave")).read_text()
    assert text.index('op.drop_table("books"'.replace('"', "'")) < text.index('op.drop_schema("crm")')
    await migrate(made.deployment)
    assert (await findings(made), await made.differences()) == ([], [])
    assert await made.sql("SELECT count(*) FROM pg_namespace WHERE nspname IN ('crm', 'billing')") == 0
    await rollback(made.deployment)
    assert await made.dump() == before


async def test_a_script_creates_the_schemas_too(made: Project) -> None:
    """What Alembic prints offline makes and drops the same as the migration."""
    wanted = await made.dump()
    await rollback(made.deployment, "base")
    empty = await made.dump()
    await made.sql("DROP TABLE alembic_version", "SELECT 1")
    await made.run("psql", "-v", "ON_ERROR_STOP=1", "-q", text=schema_script(made.service))
    assert await made.dump() == wanted
    (version,) = made.versions
    script = await made.alembic("downgrade", f"{version.name.partition('_')[0]}:base", "--sql")
    await made.run("psql", "-v", "ON_ERROR_STOP=1", "-q", text=script)
    assert await made.dump() == empty


async def test_a_schema_that_has_only_a_sequence(made: Project) -> None:
    """Objects of others in a schema that no migration created are not compared."""
    owner = made.service.roles.owner
    await made.sql("CREATE SCHEMA numbering", f"GRANT ALL ON SCHEMA numbering TO {owner} WITH GRANT OPTION", "SELECT 1")
    Sequence("numbers", schema="numbering", metadata=made.service.metadata)
    await made.autogenerate("sequence")
    await migrate(made.deployment)
    await made.sql("CREATE FUNCTION numbering.of_others() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SELECT 1")
    assert await made.differences() == []
    role = made.service.roles.admin
    assert await made.sql(f"SET ROLE {role}", "SELECT nextval('numbering.numbers')") == 1
