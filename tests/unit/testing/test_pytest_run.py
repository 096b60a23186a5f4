from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tenantry.testing import pytest_run as run_module
from tenantry.testing.names import digest, name_database, name_login, name_template, number_in
from tenantry.testing.pytest_run import LOCK, PREFIX, Run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place where runs make their folders, without anybody else's."""
    monkeypatch.setattr(run_module, "_fast_place", lambda: tmp_path)
    return tmp_path


def test_a_run_that_needs_nothing_leaves_and_makes_nothing(place: Path, pytestconfig: pytest.Config) -> None:
    run = Run.begin()
    run.end(pytestconfig)
    assert not [*place.iterdir()]


def test_the_folder_is_private_and_goes_with_the_run(place: Path, pytestconfig: pytest.Config) -> None:
    run = Run.begin()
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert run.folder.parent == place
    run.end(pytestconfig)
    assert not [*place.iterdir()]


def test_who_joins_a_run_does_not_end_it(place: Path, pytestconfig: pytest.Config) -> None:
    run = Run.begin()
    joined = Run.join(run.tell())
    assert (joined.number, joined.secret, joined.folder) == (run.number, run.secret, run.folder)
    joined.end(pytestconfig)
    assert run.folder.is_dir()
    run.end(pytestconfig)


def test_an_abandoned_folder_is_removed_and_a_living_one_stays(place: Path, pytestconfig: pytest.Config) -> None:
    """The lock tells them apart: the kernel gives it back for whoever is killed."""
    living = Run.begin()
    abandoned = place / f"{PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / LOCK).touch()
    assert living.folder.is_dir()
    later = Run.begin()
    assert later.folder.is_dir()
    assert not abandoned.exists()
    assert living.folder.is_dir()
    living.end(pytestconfig)
    later.end(pytestconfig)


def test_a_folder_of_somebody_else_is_not_touched(place: Path, pytestconfig: pytest.Config) -> None:
    other = place / "project"
    other.mkdir()
    run = Run.begin()
    assert run.folder.is_dir()
    run.end(pytestconfig)
    assert other.is_dir()


def test_the_lock_is_not_inherited(place: Path, pytestconfig: pytest.Config) -> None:
    """A server that outlives the run for a moment must not make it look alive."""
    run = Run.begin()
    assert run.folder.is_dir()
    assert run._lock is not None
    assert not os.get_inheritable(run._lock)
    run.end(pytestconfig)


@pytest.mark.parametrize(
    "name",
    [name_database(7), name_template(7, "s" * 200), name_login(7, "app_user")],
    ids=["database", "template", "login"],
)
def test_a_name_tells_its_run_and_fits(name: str) -> None:
    """PostgreSQL keeps 63 bytes, of which a draft's ending needs six."""
    assert number_in(name) == 7
    assert len(name) + len("_draft") <= 63


def test_a_digest_tells_names_apart() -> None:
    assert digest("ai_agents") != digest("ai_agent")
