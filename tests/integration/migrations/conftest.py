from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from shop_project import INI, MODULE, Project

import tenantry.migrations
from tenantry import Address
from tenantry.migrations import migrate
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource

# What autogenerate wrote for the first project of this run; the others differ in their roles' names only.
_first_revision: list[str] = []


@pytest.fixture
def module_text() -> str:
    """The module of the project; a file of tests may have another."""
    return MODULE


@pytest.fixture
async def shop(
    empty_database: Address, binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module_text: str
) -> AsyncIterator[Project]:
    """A project with every kind of object declared, without a revision yet."""
    name = f"shop_{uuid4().hex[:10]}"
    connection = await connect(StaticSource(empty_database), deadline=10, application_name="test")
    extension = await connection.fetchval(
        "SELECT name FROM pg_available_extensions WHERE name IN ('vector', 'citext') ORDER BY name DESC"
    )
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    text = module_text.format(prefix=name, module=name, database=empty_database.database, extensions=(extension,))
    (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "alembic.ini").write_text(INI)
    env = f"from {name} import service\nfrom tenantry.migrations import run_environment\n\nrun_environment(service)\n"
    (tmp_path / "migrations" / "env.py").write_text(env)
    template = Path(tenantry.migrations.__file__).parent / "script_directory" / "script.py.mako"
    (tmp_path / "migrations" / "script.py.mako").write_text(template.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    yield Project(tmp_path, importlib.import_module(name), empty_database, binaries)
    del sys.modules[name]
    try:
        for role in await connection.fetch("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", name):
            await connection.execute(f"DROP OWNED BY {role['rolname']} CASCADE; DROP ROLE {role['rolname']}")
    finally:
        await connection.close()


@pytest.fixture
async def migrated_shop(shop: Project) -> Project:
    """The project at its first revision, which autogenerate wrote."""
    name = shop.module.__name__
    if not _first_revision:
        _first_revision.append((await shop.autogenerate("first")).read_text().replace(name, "{name}"))
    else:
        path = shop.folder / "migrations" / "versions" / "first.py"
        path.write_text(_first_revision[0].replace("{name}", name))
    await migrate(shop.deployment)
    return shop
