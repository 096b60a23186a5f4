"""No command advises or does what loses data unasked."""

from __future__ import annotations

import asyncio
import json
import re
import sys

import pytest
from library_project import MODULE, change_models
from shop_project import Project

from tenantry.cli.entry import run
from tenantry.migrations import current_revision, migrate
from tenantry.migrations.writing import make_revision
from tenantry.proof.audit import Finding
from tenantry.proof.audit.inspection import audit_database

CHANGES = {
    "a renamed column": (("pages: Mapped", "leaves: Mapped"), ('"pages"', '"leaves"')),
    "a new column": (("pages: Mapped[int | None]", "pages: Mapped[int | None]\n    note: Mapped[str | None]"),),
    "a dropped column": (("    name: Mapped[str] = mapped_column(Text)\n", ""),),
    "another type": (("String(20)", "String(30)"),),
    "another nullability": (("pages: Mapped[int | None]", "pages: Mapped[int]"),),
    "another default": (("mapped_column(Text)", 'mapped_column(Text, server_default="x")'),),
    "another check": (("length(isbn) > 3", "length(isbn) > 2"), ("isbn_length", "isbn_size")),
    "a new table": (('"languages"', '"tongues"'),),
    "other privileges": (
        ('__tablename__ = "languages"', '__tablename__ = "languages"\n    __privileges__ = ("SELECT", "INSERT")'),
    ),
    "no trigger": (("class Book(TenantScoped, Timestamps, Base)", "class Book(TenantScoped, Base)"),),
}


@pytest.fixture
def module_text() -> str:
    return MODULE


@pytest.fixture
async def library(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The library at its first revision, as a project of the command line."""
    name = shop.module.__name__
    (shop.folder / "pyproject.toml").write_text(f'[tool.tenantry]\nsource = "."\nservices = ["{name}:service"]\n')
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("SHOP_DATABASE_URL", shop.address.url.get_secret_value())
    await make_revision(shop.deployment, "first")
    await migrate(shop.deployment)
    return shop


async def findings(shop: Project) -> list[Finding]:
    """Return the findings about what a revision creates, not those about roles, the server and large objects."""
    others = ("TN106", "TN107", "TN108", "TN109", "TN11", "TN3", "TN6", "TN7")
    return [one for one in await audit_database(shop.deployment) if not one.code.startswith(others)]


def remedies(found: list[Finding]) -> set[str]:
    return {one.remedy for one in found}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_model_needs_a_revision_and_a_pending_one_a_migration(library: Project, name: str) -> None:
    """First `tenantry revision`, then `tenantry migrate`, then nothing: never SQL, and the migration comes first."""
    service = library.service.name
    assert await findings(library) == []
    change_models(library, *CHANGES[name])
    found = await findings(library)
    assert remedies(found) == {f'tenantry revision --service {service} -m "..."'}
    await make_revision(library.deployment, "change")
    found = await findings(library)
    assert found[0].code == "TN501"
    assert remedies(found) == {f"tenantry migrate --service {service}"}
    await migrate(library.deployment)
    assert await findings(library) == []


async def test_a_changed_database_is_put_right_by_sql(library: Project) -> None:
    """The models are as they were at the last migration, so somebody changed the database by hand."""
    await library.sql(
        "ALTER TABLE books ADD COLUMN extra int", "ALTER TABLE books ALTER COLUMN pages TYPE bigint", "SELECT 1"
    )
    assert {one.code for one in await findings(library)} == {"TN407", "TN408"}
    assert all("ALTER TABLE" in remedy for remedy in remedies(await findings(library)))


async def test_a_model_that_is_edited_again_before_the_migration_is_a_changed_model(library: Project) -> None:
    change_models(library, ("pages: Mapped[int | None]", "pages: Mapped[int | None]\n    note: Mapped[str | None]"))
    await make_revision(library.deployment, "note")
    change_models(library, ("note: Mapped", "remark: Mapped"))
    await migrate(library.deployment)
    assert all(remedy.startswith("tenantry revision") for remedy in remedies(await findings(library)))


async def test_a_database_ahead_is_not_put_back(library: Project) -> None:
    """A newer build added a column; an older one must not advise to drop it."""
    await library.sql(
        "ALTER TABLE books ADD COLUMN extra int", "UPDATE alembic_version SET version_num = 'newer'", "SELECT 1"
    )
    found = await findings(library)
    assert {one.code for one in found} == {"TN502", "TN407"}
    assert all("Deploy the build" in one.remedy for one in found)


async def test_without_a_revision_the_first_one_is_written(shop: Project) -> None:
    await migrate(shop.deployment)
    found = await findings(shop)
    assert {one.code for one in found} >= {"TN401"}
    assert {one.remedy for one in found if one.code == "TN401"} == {
        f'tenantry revision --service {shop.service.name} -m "..."'
    }


async def test_two_heads_are_one_finding(library: Project) -> None:
    first = library.versions[0].stem.partition("_")[0]
    for name in ("a", "b"):
        await library.revision(name, "pass", follows=first)
    (found,) = await findings(library)
    assert (found.code, found.remedy) == ("TN501", f"tenantry merge --service {library.service.name}")


async def test_a_rollback_names_what_it_drops_and_needs_a_yes(
    library: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.sql("INSERT INTO libraries (tenant_id) VALUES ('a'), ('b')", "SELECT 1")
    first = await current_revision(library.deployment)
    change_models(library, ("pages: Mapped[int | None]", "pages: Mapped[int | None]\n    note: Mapped[str | None]"))
    await make_revision(library.deployment, "note")
    await migrate(library.deployment)
    assert await asyncio.to_thread(run, ["rollback"]) == 2
    assert "add --yes" in capfd.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal("n\ny\n"))
    assert await asyncio.to_thread(run, ["rollback"]) == 1
    said = capfd.readouterr()
    assert "drops for good column books.note (0 rows)" in said.err
    assert "Nothing was changed." in said.err
    assert await current_revision(library.deployment) != first
    assert await asyncio.to_thread(run, ["rollback", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["services"][0]["revision"] == first
    assert await asyncio.to_thread(run, ["rollback", "base", "--yes"]) == 0
    assert re.search(r"drops for good .*table libraries \(2 rows\)", capfd.readouterr().err)


class Terminal:
    """A stdin that is a terminal and has answers."""

    def __init__(self, answers: str) -> None:
        self._lines = iter(answers.splitlines(keepends=True))

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return next(self._lines)


async def test_a_downgrade_that_asks_the_database_is_unknown(
    library: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    """It cannot be read without running it, and it runs."""
    await library.revision(
        "r2",
        "pass",
        "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()",
        follows=await current_revision(library.deployment),
    )
    await migrate(library.deployment)
    assert await asyncio.to_thread(run, ["rollback", "--yes"]) == 0
    assert "what it drops is unknown" in capfd.readouterr().err
