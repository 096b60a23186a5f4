"""A project in a repository of the user's: what Tenantry keeps beside it is not committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from repository import git

pytestmark = pytest.mark.one_version

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
PROJECT = f"""
[tool.tenantry]
services = ["ai_agents.service:service"]
source = {str(ROOT / "services")!r}
"""
COMMAND_LINE = "from tenantry.cli import main; main()"
SERVER_ALONE = "from tenantry.deployment.deployment import embedded_server; embedded_server().lease().close()"


@pytest.fixture
def project(command_line: CommandLine, run_folder: Path) -> Iterator[Path]:
    """A fresh repository with a project in it; its server is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="repository ", dir=run_folder))
    (folder / "pyproject.toml").write_text(PROJECT)
    git(folder, "init", "--quiet")
    yield folder
    _run(command_line, folder, COMMAND_LINE, "down")
    shutil.rmtree(folder)


@pytest.mark.parametrize("program", [(COMMAND_LINE, "prepare"), (SERVER_ALONE,)], ids=["prepare", "server"])
def test_git_adds_neither_secrets_nor_data(command_line: CommandLine, project: Path, program: tuple[str, ...]) -> None:
    """Whoever makes the folder: the command line, or a lease of the server alone."""
    _run(command_line, project, *program)
    assert (project / ".tenantry" / "postgres").is_dir()
    assert (project / ".tenantry" / "development.env").exists() is ("prepare" in program)
    git(project, "add", "--all")
    assert git(project, "ls-files") == ["pyproject.toml"]


def _run(command_line: CommandLine, folder: Path, *program: str) -> None:
    environment = command_line._environment({"TENANTRY_HOME": ""})
    subprocess.run([sys.executable, "-c", *program], cwd=folder, env=environment, capture_output=True, check=True)
