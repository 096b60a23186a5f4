"""What holds for every command before it does anything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from tenantry import errors
from tenantry.cli import entry
from tenantry.cli.entry import COMMANDS, run, tenantry

HEAVY = ("alembic", "asyncio", "asyncpg", "fastapi", "pydantic", "rich", "sqlalchemy", "uvicorn")


def _leaves(group: click.Group) -> list[click.Command]:
    context = click.Context(group)
    found = [group.get_command(context, name) for name in group.list_commands(context)]
    commands = [command for command in found if command is not None]
    return [leaf for one in commands for leaf in (_leaves(one) if isinstance(one, click.Group) else [one])]


@pytest.mark.parametrize("arguments", [[], ["migrate"], ["tenant", "create"]], ids=str)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`--help` must come in a moment, so click is all that it waits for."""
    program = (
        "import sys\nfrom tenantry.cli.entry import run\n"
        f"run({[*arguments, '--help']!r})\nprint([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: tenantry" in done.stdout
    # 0.1 s on an idle machine; a loaded one is given its time.
    assert time.monotonic() - began < 3


def test_the_group_shows_a_sentence_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.partition("Commands:")[2].strip().splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("command", _leaves(tenantry), ids=lambda command: str(command.name))
def test_every_command_speaks_json(command: click.Command) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options
    assert "--service" in options or command.name == "down"
    assert command.help


def test_an_error_says_what_why_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr for people; with --json also as a document, with null for what is not known."""

    def fail(*_args: object, **_options: object) -> None:
        raise errors.ServerError("It broke.", remedy="Mend it.")

    monkeypatch.setattr(entry.tenantry, "main", fail)
    assert run(["status"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "It broke." in said.err
    assert "Mend it." in said.err
    assert run(["status", "--json"]) == 1
    said = capsys.readouterr()
    document = {"code": "server", "what": "It broke.", "why": None, "remedy": "Mend it.", "details": None}
    assert json.loads(said.out) == {"error": document}


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["migrate", "--nonsense"],
        ["up", "--port", "x"],
        ["revision"],
        ["tenant", "create", "x", "--set", "no-equals-sign"],
        ["audit", "--sarif", "/absent/audit.sarif"],
        ["prove", "isolation", "--html", "/absent/page.html"],
    ],
    ids=str,
)
def test_misuse_is_told_from_failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Error: " in said.err
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_a_folder_outside_of_any_project_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["status"]) == 1
    assert f"No pyproject.toml in {tmp_path} or its parents lists services" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [KeyboardInterrupt, click.Abort])
def test_an_interruption_has_a_status_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ending: type[BaseException]
) -> None:
    def interrupt(*_args: object, **_options: object) -> None:
        raise ending

    monkeypatch.setattr(entry.tenantry, "main", interrupt)
    assert run(["status"]) == 130
    assert capsys.readouterr().err == ""


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def lack(*_args: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn.config")

    monkeypatch.setattr(entry.tenantry, "main", lack)
    assert run(["up"]) == 1
    assert "pip install 'tenantry[web]'" in capsys.readouterr().err


def test_a_missing_module_of_ones_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(*_args: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'mine'", name="mine")

    monkeypatch.setattr(entry.tenantry, "main", lack)
    with pytest.raises(ModuleNotFoundError):
        run(["up"])


def test_output_that_nobody_reads_is_no_traceback() -> None:
    """`tenantry ... | head` closes the pipe; that is not worth a word."""
    program = "import sys; from tenantry.cli.entry import run; sys.exit(run(['--help'] ) or run(['tenant', '--help']))"
    done = subprocess.run(
        ["sh", "-c", f'{sys.executable} -c "{program}" | true'], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
