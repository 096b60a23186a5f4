"""The plugin as a user has it: another project, another pytest, and only the installed package between them."""

from __future__ import annotations

import re
import signal

import pytest
from plugin_project import UserProject, write_project

from tenantry import Address
from tenantry.testing.administrator import Administrator
from tenantry.testing.names import PREFIX

pytestmark = pytest.mark.one_version

NOTES = """
import pytest
from sqlalchemy import select, text
from notes.service import Note
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource
from tenantry.fastapi.tokens import issue_token

@pytest.mark.parametrize("number", range(4))
@pytest.mark.asyncio
async def test_alone(tenantry_database, number):
    async with tenantry_database.tenant("acme") as session:
        assert (await session.scalars(select(Note))).all() == []
        session.add(Note(text="ours", secret="sealed"))
    async with tenantry_database.tenant("globex") as session:
        assert (await session.scalars(select(Note))).all() == []
        assert await session.scalar(text("SELECT current_user::text")) == "notes_app"
        assert not await session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = session_user"))
    async with tenantry_database.admin(reason="a test") as session:
        assert (await session.scalars(select(Note.text))).all() == ["ours"]

@pytest.mark.asyncio
async def test_client(tenantry_client, tenantry_clone):
    token = issue_token(tenantry_clone.settings, "me", "acme")
    answer = await tenantry_client.get("/notes", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == []
    assert (await tenantry_client.get("/readyz")).status_code == 200

LEFT_OPEN = []

@pytest.mark.asyncio
async def test_left_open(tenantry_clone):
    LEFT_OPEN.append(await connect(StaticSource(tenantry_clone.address()), deadline=10, application_name="left"))

def test_synchronous(tenantry_clone, tenantry_empty):
    assert tenantry_clone.settings.greeting == "hello"
    assert tenantry_clone.name != tenantry_empty.name
"""

ANYIO = """
import pytest
from notes.service import Note

@pytest.mark.anyio
async def test_alone(tenantry_database):
    async with tenantry_database.tenant("acme") as session:
        session.add(Note(text="ours"))

@pytest.mark.anyio
async def test_client(tenantry_client):
    assert (await tenantry_client.get("/livez")).status_code == 200

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""

WAITING = """
import time
from pathlib import Path
import pytest

@pytest.mark.asyncio
async def test_waiting(tenantry_database):
    async with tenantry_database.tenant("acme"):
        Path("waiting").touch()
        time.sleep(60)
"""

CRASHING = """
import os, signal

def test_crashing(tenantry_clone):
    os.kill(os.getpid(), signal.SIGKILL)

def test_fine(tenantry_clone):
    pass
"""

NEEDY = """
import pytest

@pytest.mark.parametrize("number", range(6))
@pytest.mark.asyncio
async def test_needy(tenantry_database, number):
    pass
"""


def test_workers_share_a_server_and_each_test_has_a_database(user_project: UserProject) -> None:
    """Two workers in strict mode, in random order, with warnings as errors: all pass, and nothing is left."""
    done = user_project.test(NOTES, "-n", "2")
    assert "7 passed" in done.stdout, done.stdout
    places = (user_project.folder / "places").read_text().splitlines()
    assert len({*places}) == 3
    assert not any(place.exists() for place in user_project.places())


def test_anyio_serves_where_pytest_asyncio_is_not_installed(user_project: UserProject) -> None:
    pyproject = user_project.folder / "pyproject.toml"
    pyproject.write_text(re.sub("^asyncio_.*\n", "", pyproject.read_text(), flags=re.MULTILINE))
    (user_project.folder / "without_asyncio.py").write_text("import sys\nsys.modules['pytest_asyncio'] = None\n")
    done = user_project.test(ANYIO, "-p", "no:asyncio", "-p", "without_asyncio", "-x")
    assert "2 passed" in done.stdout, done.stdout


def test_an_interrupted_run_leaves_nothing(user_project: UserProject) -> None:
    process = user_project.start(WAITING, "-n", "2")
    said = user_project.interrupt(process, when="waiting", number=signal.SIGINT)
    assert "KeyboardInterrupt" in said
    assert not any(place.exists() for place in user_project.places())


def test_a_crashed_worker_leaves_nothing(user_project: UserProject) -> None:
    """The kernel gives back what the worker held, and the others go on."""
    done = user_project.test(CRASHING, "-n", "2", "-p", "no:randomly")
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert not any(place.exists() for place in user_project.places())


def test_what_a_killed_run_left_the_next_one_removes(user_project: UserProject) -> None:
    """Nobody can tidy up after a run whose every process is killed, but its server stops."""
    process = user_project.start(WAITING)
    user_project.interrupt(process, when="waiting", number=signal.SIGKILL)
    data, server, _ = user_project.places()
    assert data.exists()
    user_project.wait_until(lambda: not server.exists())
    write_project(user_project.folder, mode="auto")
    done = user_project.test(NOTES.replace("@pytest.mark.asyncio\n", ""))
    assert "7 passed" in done.stdout, done.stdout
    assert not data.exists()


def test_a_server_that_is_missing_is_told_once(user_project: UserProject) -> None:
    """Each test fails with one line; the reason and the remedy stand at the end, without a traceback."""
    done = user_project.test(NEEDY, "-n", "2", TENANTRY_TEST_POSTGRES="/nowhere/bin")
    assert "6 errors" in done.stdout, done.stdout
    assert done.stdout.count("The program ") == 1
    assert "Traceback" not in done.stdout
    assert "test_notes.py:" not in done.stdout.partition("= tenantry =")[0]


def test_a_migration_that_fails_is_told_once(user_project: UserProject) -> None:
    """What the user's own code raised comes with its place, once for all tests."""
    revision = user_project.folder / "notes/migrations/versions/0001_notes.py"
    revision.write_text(
        revision.read_text().replace("def upgrade():", "def upgrade():\n    op.execute('SELECT broken')")
    )
    done = user_project.test(NEEDY)
    assert "6 errors" in done.stdout, done.stdout
    assert done.stdout.count("0001_notes.py") == 1
    assert done.stdout.count("could not be migrated.") == 6
    assert not any(place.exists() for place in user_project.places())


CONFORMITY = """
from tenantry.testing import Conformity

class TestConformity(Conformity):
    pass
"""

# Before, only a superuser may make a role with BYPASSRLS; the error then holds the SQL for one.
BYPASSING_CREATORS_SINCE = 160000


@pytest.mark.parametrize("kind", ["superuser", "creator"])
def test_a_server_of_others_is_left_as_it_was(
    user_project: UserProject, tenantry_administrator: Administrator, kind: str
) -> None:
    """Databases and logins of the run go; the service's roles stay, for they may be older than the run."""
    login = f"plugin_{kind}_{user_project.folder.name[-1]}"
    rights = "SUPERUSER" if kind == "superuser" else "CREATEDB CREATEROLE BYPASSRLS"
    tenantry_administrator.execute(f"CREATE ROLE {login} LOGIN {rights}")
    address: Address = tenantry_administrator.address.replace(user=login)
    write_project(user_project.folder, roles=login)
    notes = NOTES.replace("notes_app", f"{login}_app") + CONFORMITY
    done = user_project.test(notes, TENANTRY_TEST_DATABASE_URL=address.url.get_secret_value())
    version = int(tenantry_administrator.fetch("SHOW server_version_num")[0][0])
    if kind == "creator" and version < BYPASSING_CREATORS_SINCE:
        assert f'run: CREATE ROLE "{login}_admin"' in done.stdout, done.stdout
    else:
        assert "13 passed" in done.stdout, done.stdout
        assert done.returncode == 0, done.stdout
    owned = tenantry_administrator.fetch(
        "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = $1", login
    )
    logins = tenantry_administrator.fetch("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", PREFIX)
    assert not owned
    assert not logins
    owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public'"
    assert tenantry_administrator.fetch(owner) == [("pg_database_owner",)]
