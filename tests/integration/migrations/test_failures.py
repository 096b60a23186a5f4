"""What is wrong with the revisions, every command says in one error: no traceback, and with --json a document."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import alembic.config
import pytest
from shop_project import Project

from tenantry import errors
from tenantry.cli.entry import run
from tenantry.migrations import current_revision, migrate, rollback
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource

# A traceback has hundreds of lines. One error has its sentence, place, statement, state and remedy.
MOST_LINES = 14

RUNNING = ("migrate", "prepare")
READING = ("migrate", "prepare", "rollback --yes", "revision -m more", "history", "merge", "audit", "doctor", "status")


@dataclass(frozen=True)
class Broken:
    """One way to break a project: the files, the error's code, what it says, and the commands that meet it."""

    files: dict[str, str]
    code: str
    said: str
    commands: tuple[str, ...] = READING
    ends_at: str | None = "r1"
    stamp: str = ""
    # A second run would begin where the first one ended.
    is_once: bool = False
    details: dict[str, object] = field(default_factory=dict)


def revision(name: str, follows: str | None = None, body: str = "pass", **more: str) -> str:
    head = "".join(f"{key} = {value}\n" for key, value in more.items())
    return (
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {name!r}\ndown_revision = {follows!r}\n{head}"
        f"def upgrade():\n    {body}\ndef downgrade():\n    pass\n"
    )


FIRST = {"r1": revision("r1", None, "op.create_table('one', sa.Column('id', sa.Integer))")}

BROKEN = {
    "a statement fails": Broken(
        {
            **FIRST,
            "r2": revision("r2", "r1", "op.execute('ALTER TABLE one ADD two int REFERENCES no')"),
        },
        "revision_failed",
        'Revision r2 of .* failed: relation "no" does not exist.\n.*r2.py, line 6\n.*Statement: ALTER TABLE one ADD two'
        ".*Nothing of it was changed; the schema is at r1",
        RUNNING,
        details={"revision": "r2", "line": 6, "sqlstate": "42P01", "applied": []},
    ),
    "rows have no value": Broken(
        {
            "r1": revision("r1", None, "op.execute('CREATE TABLE one AS SELECT 1 AS id')"),
            "r2": revision("r2", "r1", "op.add_column('one', sa.Column('name', sa.Text, nullable=False))"),
        },
        "revision_failed",
        'column "name" of relation "one" contains null values.*add it nullable, fill it, set NOT NULL',
        RUNNING,
    ),
    "a constraint fails at COMMIT": Broken(
        {
            "r1": revision(
                "r1",
                None,
                "op.execute('CREATE TABLE one (id int PRIMARY KEY, up int REFERENCES one INITIALLY DEFERRED)')",
            ),
            "r2": revision("r2", "r1", "op.execute('INSERT INTO one VALUES (1, 2)')"),
        },
        "revision_failed",
        'Revision r2 of .* failed: insert or update on table "one" violates foreign key.*r2.py.*the schema is at r1',
        RUNNING,
        details={"revision": "r2", "line": None, "sqlstate": "23503"},
    ),
    "Python fails": Broken(
        {**FIRST, "r2": revision("r2", "r1", "{}['no']")},
        "revision_failed",
        "Revision r2 of .* failed: KeyError: 'no'.\n.*r2.py, line 6\n.*Nothing of it was changed",
        RUNNING,
        details={"statement": None, "sqlstate": None},
    ),
    "an earlier revision of the run stays": Broken(
        {**FIRST, "r2": revision("r2", "r1"), "r3": revision("r3", "r2", "op.execute('SELECT 1/0')")},
        "revision_failed",
        "division by zero.*Nothing of it was changed. r2 ran before it and stays: the schema is at r2",
        ("migrate",),
        ends_at="r2",
        is_once=True,
        details={"applied": ["r2"]},
    ),
    "a revision leaves its transaction": Broken(
        {
            **FIRST,
            "r2": revision(
                "r2",
                "r1",
                "op.execute('CREATE TABLE two ()')\n    with op.get_context().autocommit_block():\n"
                "        op.execute('CREATE INDEX CONCURRENTLY i ON one (nothing)')",
            ),
        },
        "revision_failed",
        "left its transaction .autocommit_block.*check it by hand",
        ("migrate",),
        is_once=True,
    ),
    "the connection is lost": Broken(
        {**FIRST, "r2": revision("r2", "r1", "op.execute('SELECT pg_terminate_backend(pg_backend_pid())')")},
        "revision_failed",
        "Revision r2 of .* failed: .*r2.py, line 6.*(schema is at r1|connection was lost)",
        ("migrate",),
    ),
    "our own error": Broken(
        {**FIRST, "r2": revision("r2", "r1", "op.create_extension('no_such_extension')")},
        "extension_missing",
        "no_such_extension.*It happened in revision r2 .*r2.py, line 6.*Nothing of it was changed",
        RUNNING,
    ),
    "two heads": Broken(
        {**FIRST, "a": revision("a", "r1"), "b": revision("b", "r1")},
        "several_heads",
        "2 heads: a .*and b.*tenantry merge",
        ("migrate", "prepare", "revision -m more", "doctor", "status", "audit"),
    ),
    "a missing parent": Broken(
        {**FIRST, "r3": revision("r3", "r2")},
        "revisions_invalid",
        "Revision r3 follows r2, and no file in .*versions has this id.*r3.py names it",
    ),
    "a missing dependency": Broken(
        {**FIRST, "r2": revision("r2", "r1", depends_on="'elsewhere'")}, "revisions_invalid", "r2 follows elsewhere"
    ),
    "a parent that is no id": Broken(
        {**FIRST, "r2": revision("r2", "r1").replace("'r1'", "5")}, "revisions_invalid", "Revision r2 follows 5"
    ),
    "a syntax error": Broken(
        {**FIRST, "r2": revision("r2", "r1", "op.execute(")}, "revisions_invalid", "r2.py, line 6.*SyntaxError"
    ),
    "an exception in a file": Broken(
        {**FIRST, "r2": "import no_such_module\n" + revision("r2", "r1")},
        "revisions_invalid",
        "r2.py, line 1.*ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "no id": Broken({**FIRST, "r2": "down_revision = 'r1'\n"}, "revisions_invalid", "r2.py.*does not set `revision`"),
    "two files with one id": Broken(
        {**FIRST, "r2": revision("r2", "r1"), "copy": revision("r2", "r1")},
        "revisions_invalid",
        "2 files have the revision id r2: .*copy.py and .*r2.py",
    ),
    "a circle": Broken(
        {"r1": revision("r1", "r3"), "r2": revision("r2", "r1"), "r3": revision("r3", "r2")},
        "revisions_invalid",
        "r1, r2, r3 follow each other in a circle",
        ends_at=None,
    ),
    "a circle of one": Broken({"r1": revision("r1", "r1")}, "revisions_invalid", "r1.* in a circle", ends_at=None),
    "a database ahead": Broken(
        FIRST,
        "database_ahead",
        "is at revision r9, and no file in .*versions has this id.*another branch",
        ("migrate", "rollback --yes"),
        ends_at="r9",
        stamp="r9",
    ),
    "an unknown revision": Broken(
        FIRST, "migration", "Can't locate revision identified by 'nowhere'", ("migrate nowhere",)
    ),
    "no template": Broken(FIRST, "", "", ("revision --empty -m more",)),
}


@pytest.fixture
async def project(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The shop as a project of the command line, whose database has the first revision."""
    name = shop.module.__name__
    (shop.folder / "pyproject.toml").write_text(f'[tool.tenantry]\nsource = "."\nservices = ["{name}:service"]\n')
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("SHOP_DATABASE_URL", shop.address.url.get_secret_value())
    monkeypatch.setattr("tenantry.commands.prepare.audit_database", _find_nothing)
    return shop


async def _find_nothing(_deployment: object) -> list[object]:
    return []


@pytest.mark.parametrize("name", BROKEN)
async def test_it_is_one_error_in_every_command(project: Project, capfd: pytest.CaptureFixture[str], name: str) -> None:
    """The database is at the first revision; a command that fails leaves it at the last one that could be applied."""
    broken = BROKEN[name]
    await _begin(project, broken)
    for command in broken.commands:
        for as_json in (True,) if broken.is_once else (False, True):
            words = [*command.split(), *(["--json"] if as_json else [])]
            status = await asyncio.to_thread(run, words)
            said = capfd.readouterr()
            text = said.out + said.err
            assert "Traceback" not in text, (command, text)
            if broken.code == "":
                assert status == 0, text
                continue
            assert status == (0 if words[0] == "status" else 1), (command, text)
            assert re.search(broken.said, text.replace('\\"', '"').replace("\\n", "\n"), re.DOTALL), (command, text)
            if as_json:
                _check_document(json.loads(said.out), words[0], broken)
            else:
                assert len(said.err.splitlines()) <= MOST_LINES, (command, text)
    assert await project.sql("SELECT string_agg(version_num, ',') FROM alembic_version") == broken.ends_at


def _check_document(document: dict[str, object], command: str, broken: Broken) -> None:
    if command in {"status", "doctor", "audit"} and "error" not in document:
        return
    error = document["error"]
    assert isinstance(error, dict)
    assert error["code"] == broken.code
    assert error["remedy"]
    assert broken.details.items() <= (error["details"] or {}).items()


async def _begin(project: Project, broken: Broken) -> None:
    """Apply the first revision, then write the broken files."""
    versions = project.folder / "migrations" / "versions"
    (versions / "r1.py").write_text(broken.files["r1"] if broken.ends_at else FIRST["r1"])
    await migrate(project.deployment, "r1" if broken.ends_at else "base")
    for file, text in broken.files.items():
        (versions / f"{file}.py").write_text(text)
    if broken.stamp:
        await project.sql(f"UPDATE alembic_version SET version_num = '{broken.stamp}'", "SELECT 1")
    if broken.code == "":
        (project.folder / "migrations" / "script.py.mako").unlink()


@pytest.mark.parametrize(
    "name", [name for name, one in BROKEN.items() if one.code and "nowhere" not in one.commands[0]]
)
async def test_plain_alembic_says_the_same(project: Project, capfd: pytest.CaptureFixture[str], name: str) -> None:
    broken = BROKEN[name]
    await _begin(project, broken)
    text = await _alembic(project, capfd, "upgrade", "head")
    said = broken.said.replace("\n.*", r"\s.*")
    assert re.search(said, text, re.DOTALL), text


async def _alembic(project: Project, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        await asyncio.to_thread(alembic.config.main, ["-c", str(project.folder / "alembic.ini"), *words])
    said = capfd.readouterr()
    text = said.out + said.err
    assert "Traceback" not in text
    assert text.count("FAILED") == 1
    return text


MODULES: dict[str, tuple[str, str]] = {
    "a syntax error": ("class Base(\n", r"SyntaxError: .*broken_\w+.py, line 1"),
    "a name that does not exist": ("\nx = undefined\n", r"NameError: name 'undefined' is not defined.*, line 2"),
    "a missing module": ("import no_such_module\n", r"No module named 'no_such_module'.*, line 1"),
    "an exception": ("def go():\n    raise ValueError('no')\n\ngo()\n", r"ValueError: no.*, line 2"),
    "no service": ("x = 1\n", "has no attribute 'service'"),
    "a declaration": (
        "from tenantry import errors\nraise errors.DeclarationError('Table t is wrong.', remedy='Correct it.')\n",
        "Table t is wrong",
    ),
}


@pytest.mark.parametrize("name", MODULES)
async def test_an_error_in_the_service_is_one_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """It names the user's file and line, in every command, and in plain Alembic if env.py passes the service's name."""
    text, said = MODULES[name]
    module = f"broken_{uuid.uuid4().hex}"
    (tmp_path / f"{module}.py").write_text(text)
    (tmp_path / "pyproject.toml").write_text(f'[tool.tenantry]\nsource = "."\nservices = ["{module}:service"]\n')
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "env.py").write_text(
        f"from tenantry.alembic import run_environment\nrun_environment('{module}:service')\n"
    )
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\nprepend_sys_path = %(here)s\npath_separator = os\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for command in (*READING, "up", "psql"):
        status = await asyncio.to_thread(run, [*command.split(), "--json"])
        out, err = capfd.readouterr()
        assert status == 1, command
        assert "Traceback" not in err
        assert re.search(said, out, re.DOTALL), (command, out)
        if command != "doctor":
            assert json.loads(out)["error"]["code"] in {"configuration", "declaration"}
        sys.modules.pop(module, None)
    with pytest.raises(SystemExit):
        await asyncio.to_thread(alembic.config.main, ["-c", str(tmp_path / "alembic.ini"), "upgrade", "head"])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert re.search(said, out, re.DOTALL)


async def test_a_lock_that_is_not_free_says_what_waits(
    project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry.migrations.target.TABLE_LOCK_TIMEOUT", "200ms")
    await project.revision("r1", "op.create_table('one', sa.Column('id', sa.Integer))")
    await project.revision("r2", "op.add_column('one', sa.Column('more', sa.Integer))", follows="r1")
    await migrate(project.deployment, "r1")
    reader = await connect(StaticSource(project.address), deadline=10, application_name="test")
    try:
        async with reader.transaction():
            await reader.execute("SELECT * FROM one")
            assert await asyncio.to_thread(run, ["migrate", "--json"]) == 1
            error = json.loads(capfd.readouterr().out)["error"]
    finally:
        await reader.close()
    assert error["code"] == "revision_failed"
    assert error["details"]["sqlstate"] == "55P03"
    assert "200ms" in error["remedy"]
    assert "pg_stat_activity" in error["remedy"]
    assert await asyncio.to_thread(run, ["migrate"]) == 0


async def test_a_failing_downgrade_is_the_same_error(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    await project.revision("r1", "pass")
    await project.revision("r2", "pass", "op.execute('SELECT 1/0')", follows="r1")
    await project.revision("r3", "pass", "pass", follows="r2")
    await migrate(project.deployment)
    assert await asyncio.to_thread(run, ["rollback", "base", "--yes", "--json"]) == 1
    error = json.loads(capfd.readouterr().out)["error"]
    assert (error["code"], error["details"]["revision"]) == ("revision_failed", "r2")
    assert "r3 ran before it and stays" in error["why"]
    assert await current_revision(project.deployment) == "r2"
    with pytest.raises(errors.RevisionFailed):
        await rollback(project.deployment, "base")
    text = await _alembic(project, capfd, "downgrade", "base")
    assert re.search(r"Revision r2 of .* failed: division by zero", text)


async def test_merge_joins_the_heads(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """The remedy of two heads works: afterwards there is one head, and migrate applies both."""
    await project.revision("r1", "pass")
    for name in ("a", "b"):
        await project.revision(name, "pass", follows="r1")
    assert await asyncio.to_thread(run, ["migrate"]) == 1
    assert await asyncio.to_thread(run, ["merge", "-m", "Both", "--json"]) == 0
    document = json.loads(capfd.readouterr().out.split("\n", 0)[-1])
    assert [one for one in project.versions if str(one) == document["path"]]
    assert document["changes"][0]["text"] == "merge a and b"
    assert await asyncio.to_thread(run, ["migrate"]) == 0
    assert await asyncio.to_thread(run, ["merge"]) == 0
    assert "one head" in capfd.readouterr().out


async def test_a_password_in_a_statement_is_not_shown(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """A revision may create a login, and its error goes to logs."""
    await project.revision("r1", "op.execute(\"CREATE ROLE x PASSWORD 'hunter2' IN ROLE no_such_role\")")
    assert await asyncio.to_thread(run, ["migrate", "--json"]) == 1
    text = "".join(capfd.readouterr())
    assert "PASSWORD '***'" in text
    assert "hunter2" not in text
