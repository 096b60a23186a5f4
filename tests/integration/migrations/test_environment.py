"""Alembic's own command line, from a service's folder."""

from __future__ import annotations

import pytest
from shop_project import Project

from tenantry.migrations import rollback


async def test_the_commands_of_the_story_work_from_the_services_folder(shop: Project) -> None:
    """current, revision --autogenerate, upgrade, check, downgrade and history, in processes with warnings as errors."""
    assert await shop.alembic("current") == ""
    await shop.alembic("revision", "--autogenerate", "-m", "Initial schema")
    await shop.alembic("upgrade", "head", told="Running upgrade  -> ")
    (revision,) = [path.stem.partition("_")[0] for path in shop.versions]
    assert await shop.alembic("current") == f"{revision} (head)\n"
    assert "No new upgrade operations" in await shop.alembic("check")
    assert revision in await shop.alembic("history")
    await shop.alembic("downgrade", "-1")
    assert await shop.alembic("current") == ""


async def test_a_script_made_offline_does_what_the_upgrade_does(migrated_shop: Project) -> None:
    """`upgrade head --sql`, given to psql, leaves the same catalog as `upgrade head`; so does the downgrade."""
    shop = migrated_shop
    online = await shop.objects(), await shop.dump()
    script = await shop.alembic("upgrade", "head", "--sql")
    undo = await shop.alembic("downgrade", "head:base", "--sql")
    assert "(:" not in script
    assert "':not_a_parameter', a percent sign %, and a $$ dollar quote" in script
    await rollback(shop.deployment, "base")
    before = await shop.objects(), await shop.dump()
    await shop.sql("DROP TABLE alembic_version", "SELECT 1")
    await shop.run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-q", "-f", "-", text=script)
    assert (await shop.objects(), await shop.dump()) == online
    await shop.run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-q", "-f", "-", text=undo)
    assert (await shop.objects(), await shop.dump()) == before


async def test_the_application_may_read_the_version_and_nothing_else(migrated_shop: Project) -> None:
    shop = migrated_shop
    role = shop.service.roles.application
    rights = [
        right
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
        if await shop.sql(f"SELECT has_table_privilege('{role}', 'alembic_version', '{right}')")
    ]
    assert rights == ["SELECT"]


async def test_everything_belongs_to_the_owner(migrated_shop: Project) -> None:
    """Also what a superuser's login migrated."""
    shop = migrated_shop
    owners = await shop.sql(
        "SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'i')"
    )
    assert owners == shop.service.roles.owner


async def test_a_failing_revision_leaves_the_ones_before_it(shop: Project) -> None:
    """One transaction a revision: the second fails as a whole, the first stays."""
    await shop.revision("r1", "op.create_table('one', sa.Column('id', sa.Integer))")
    await shop.revision(
        "r2", "op.create_table('two', sa.Column('id', sa.Integer)); op.drop_table('three')", follows="r1"
    )
    with pytest.raises(AssertionError, match="three"):
        await shop.alembic("upgrade", "head")
    assert await shop.alembic("current") == "r1\n"
    assert await shop.sql("SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL")


async def test_our_errors_are_one_sentence_on_alembics_command_line(shop: Project) -> None:
    """An extension without files is named with its package, and no traceback is shown."""
    await shop.revision("r1", "op.create_extension('no_such_extension')")
    with pytest.raises(AssertionError) as failure:
        await shop.alembic("upgrade", "head")
    text = str(failure.value)
    assert "FAILED: The server does not have the extension 'no_such_extension'." in text
    assert "no-such-extension" in text
    assert "Traceback" not in text


async def test_a_database_that_is_not_there_is_one_sentence_too(shop: Project) -> None:
    elsewhere = shop.address.replace(database="no_such_database").url.get_secret_value()
    with pytest.raises(AssertionError) as failure:
        await shop.alembic("current", SHOP_DATABASE_URL=elsewhere)
    assert "FAILED:" in str(failure.value)
    assert "no_such_database" in str(failure.value)
    assert "Traceback" not in str(failure.value)
