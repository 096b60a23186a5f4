"""The project's folder on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from repository import git

from tenantry.project import make_home


@pytest.mark.parametrize("name", [".tenantry", "elsewhere"])
def test_git_adds_nothing_of_it(tmp_path: Path, name: str) -> None:
    """Neither its files nor those below, in a repository that ignores nothing by itself."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "pyproject.toml").touch()
    home = tmp_path / name
    make_home(home)
    (home / "postgres" / "18").mkdir(parents=True)
    for path in (home / "development.env", home / "postgres" / "18" / "PG_VERSION"):
        path.write_text("secret")
    git(tmp_path, "add", "--all")
    assert git(tmp_path, "ls-files") == ["pyproject.toml"]
    assert git(tmp_path, "status", "--porcelain", "--untracked-files=all") == ["A  pyproject.toml"]


def test_a_folder_from_before_is_kept_out_too(tmp_path: Path) -> None:
    home = tmp_path / ".tenantry"
    home.mkdir()
    (home / "development.env").touch()
    make_home(home)
    assert "*" in (home / ".gitignore").read_text().splitlines()


def test_what_the_user_wrote_stays(tmp_path: Path) -> None:
    home = tmp_path / ".tenantry"
    home.mkdir()
    (home / ".gitignore").write_text("postgres/\n")
    make_home(home)
    assert (home / ".gitignore").read_text() == "postgres/\n"


def test_a_folder_of_the_users_does_not_vanish_from_git(tmp_path: Path) -> None:
    """TENANTRY_HOME may name a folder that holds something else, such as a whole repository."""
    (tmp_path / "README.md").touch()
    make_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_many_at_once_leave_one_file(tmp_path: Path) -> None:
    home = tmp_path / ".tenantry"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: make_home(home), range(32)))
    assert [path.name for path in home.iterdir()] == [".gitignore"]
