"""An applied revision that is edited is noticed, by every command that looks; a formatter's edit is not."""

from __future__ import annotations

import asyncio
import json

import pytest
from shop_project import Project

from tenantry.cli.entry import run
from tenantry.migrations import current_revision, migrate, rollback
from tenantry.migrations.recorded import read_edited
from tenantry.migrations.revisions import move

ONE = "op.create_table('one', sa.Column('id', sa.Integer))"
DROP = "op.drop_table('one')"


@pytest.fixture
async def history(shop: Project) -> Project:
    """Three applied revisions."""
    await shop.revision("r1", ONE, DROP)
    await shop.revision("r2", "op.execute('SELECT 2')", follows="r1")
    await shop.revision("r3", "op.execute('SELECT 3')", follows="r2")
    await migrate(shop.deployment)
    return shop


async def edited(shop: Project) -> list[str]:
    return [one.revision for one in await read_edited(shop.deployment, "migration")]


async def test_nothing_is_edited_at_first(history: Project) -> None:
    assert await edited(history) == []
    assert (await move(history.deployment, "head", is_back=False)).edited == ()


async def test_a_formatter_is_not_an_edit(history: Project) -> None:
    path = history.folder / "migrations" / "versions" / "r1.py"
    path.write_text('"""A summary."""\n# A comment.\n' + path.read_text().replace("'", '"'))
    assert await edited(history) == []


async def test_an_edit_is_named_until_it_is_restored(history: Project) -> None:
    """Also of a revision before the current one. What runs later does not forget it."""
    path = history.folder / "migrations" / "versions" / "r1.py"
    before = path.read_text()
    path.write_text(before.replace("Integer", "BigInteger"))
    await history.revision("r4", "op.execute('SELECT 4')", follows="r3")
    done = await move(history.deployment, "head", is_back=False)
    assert [(one.revision, one.path.rpartition("/")[2]) for one in done.edited] == [("r1", "r1.py")]
    await rollback(history.deployment, "-1")
    assert await edited(history) == ["r1"]
    path.write_text(before)
    assert await edited(history) == []


async def test_a_revision_that_is_applied_again_is_recorded_again(history: Project) -> None:
    """In development one rolls back, edits, and migrates."""
    await rollback(history.deployment, "r2")
    await history.revision("r3", "op.execute('SELECT 33')", follows="r2")
    await migrate(history.deployment)
    assert await edited(history) == []


async def test_an_edit_can_be_accepted(history: Project) -> None:
    await history.revision("r2", "op.execute('SELECT 22')", follows="r1")
    assert await edited(history) == ["r2"]
    await migrate(history.deployment, accept_edits=True)
    assert await edited(history) == []


async def test_plain_alembic_records_too(shop: Project) -> None:
    await shop.revision("r1", ONE, DROP)
    await shop.alembic("upgrade", "head")
    await shop.revision("r1", ONE.replace("Integer", "Text"), DROP)
    assert await edited(shop) == ["r1"]
    await shop.alembic("downgrade", "-1")
    assert await edited(shop) == []


async def test_a_script_records_too(shop: Project) -> None:
    """A database that `upgrade head --sql` made is watched like another one."""
    await shop.revision("r1", ONE, DROP)
    script = await shop.alembic("upgrade", "head", "--sql")
    await shop.run(
        "psql",
        "-X",
        "-v",
        "ON_ERROR_STOP=1",
        "-q",
        "-f",
        "-",
        text=f"CREATE ROLE {shop.module.ROLES.owner};ALTER SCHEMA public OWNER TO {shop.module.ROLES.owner};" + script,
    )
    await shop.revision("r1", ONE.replace("Integer", "Text"), DROP)
    assert await edited(shop) == ["r1"]


async def test_a_database_from_before_is_recorded_at_the_next_migration(history: Project) -> None:
    await history.sql("ALTER TABLE alembic_version DROP COLUMN checksums", "SELECT 1")
    assert await edited(history) == []
    await migrate(history.deployment)
    await history.revision("r2", "op.execute('SELECT 22')", follows="r1")
    assert await edited(history) == ["r2"]


async def test_a_merge_keeps_what_both_heads_recorded(history: Project) -> None:
    """A merge deletes a row of the version table."""
    await history.revision("a", "op.execute('SELECT 1')", follows="r3")
    await history.revision("b", "op.execute('SELECT 1')", follows="r3")
    await migrate(history.deployment, "heads")
    text = "revision = 'm'\ndown_revision = ('a', 'b')\ndef upgrade():\n    pass\ndef downgrade():\n    pass\n"
    (history.folder / "migrations" / "versions" / "m.py").write_text(text)
    await migrate(history.deployment)
    for name in ("a", "b"):
        await history.revision(name, "op.execute('SELECT 2')", follows="r3")
    assert sorted(await edited(history)) == ["a", "b"]


async def test_a_version_table_of_another_role_is_left_alone(shop: Project) -> None:
    """A project that had its own migrations; its table cannot be altered, and its migrations go on."""
    await shop.revision("r1", ONE, DROP)
    await shop.revision("r2", "op.execute('SELECT 1')", follows="r1")
    await migrate(shop.deployment, "r1")
    owner = shop.module.ROLES.owner
    await shop.sql(
        "ALTER TABLE alembic_version DROP COLUMN checksums",
        "ALTER TABLE alembic_version OWNER TO CURRENT_USER",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO {owner}",
        "SELECT 1",
    )
    await migrate(shop.deployment)
    assert await current_revision(shop.deployment) == "r2"
    assert await edited(shop) == []


async def test_check_and_downgrade_do_not_see_the_column(migrated_shop: Project) -> None:
    assert await migrated_shop.differences() == []
    await rollback(migrated_shop.deployment, "base")
    assert await migrated_shop.sql("SELECT count(*) FROM alembic_version") == 0


async def test_the_commands_name_the_file_and_what_to_do(
    migrated_shop: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shop = migrated_shop
    name = shop.module.__name__
    (shop.folder / "pyproject.toml").write_text(f'[tool.tenantry]\nsource = "."\nservices = ["{name}:service"]\n')
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("SHOP_DATABASE_URL", shop.address.url.get_secret_value())
    (path,) = shop.versions
    path.write_text(path.read_text().replace("length=200", "length=201"))
    for command in ("migrate", "status", "doctor", "prepare"):
        for flags in ([], ["--json"]):
            await asyncio.to_thread(run, [command, *flags])
            said = capfd.readouterr()
            assert f"migrations/versions/{path.name}" in said.out + said.err, command
            if not flags:
                assert "--accept-edits" in said.out + said.err, command
            else:
                json.loads(said.out)
