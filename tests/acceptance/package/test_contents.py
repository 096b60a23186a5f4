"""What is published: the toolkit with its SQL and its types, described truly, and nothing of the services or tests."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
from documents import ROOT
from installed import Distribution, Installation, run
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from trove_classifiers import classifiers

pytestmark = pytest.mark.one_version


@pytest.fixture
def metadata(distribution: Distribution) -> Message:
    with zipfile.ZipFile(distribution.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return HeaderParser().parsestr(wheel.read(name).decode("utf-8"))


def test_the_wheel_holds_every_file_of_the_package_and_no_other(distribution: Distribution) -> None:
    """Also the files that are no Python: `py.typed`, SQL, templates of pages and of migrations."""
    source = ROOT / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / "tenantry").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(distribution.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())
    assert names == expected
    assert "tenantry/py.typed" in names


def test_the_metadata_is_what_an_index_accepts(metadata: Message) -> None:
    found = metadata.get_all("Classifier", [])
    assert [one for one in found if one not in classifiers] == []
    assert "Typing :: Typed" in found
    assert metadata["Author"] == "Tenantry maintainers"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    links = dict(one.split(", ") for one in metadata.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} == set(links)
    assert all(link.startswith(links["Source"]) for link in links.values())


def test_packages_with_known_holes_are_not_accepted(metadata: Message) -> None:
    """The lower bounds are above the last version that an advisory is about."""
    needed = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    bounds: dict[str, SpecifierSet] = {canonicalize_name(one.name): one.specifier for one in needed}
    for name, version in (("pyjwt", "2.12.1"), ("cryptography", "48.0.0")):
        assert not bounds[name].contains(version)


def test_the_archive_builds_the_same_wheel(distribution: Distribution, tmp_path: Path) -> None:
    """Distributions build from it: it needs neither Git nor anything else of the checkout."""
    with tarfile.open(distribution.archive) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    built = tmp_path / "built"
    run(Path(sys.executable).parent / "hatchling", "build", "-t", "wheel", "-d", built, folder=folder)
    (again,) = built.glob("*.whl")
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(distribution.wheel) as other:
        assert {name: one.getinfo(name).CRC for name in one.namelist()} == {
            name: other.getinfo(name).CRC for name in other.namelist()
        }


def test_what_is_installed_works_without_the_checkout(installation: Installation, tmp_path: Path) -> None:
    command = installation.python.parent / "tenantry"
    assert "Usage: tenantry" in run(command, "--help", folder=tmp_path)
    place = run(installation.python, "-c", "import tenantry; print(tenantry.__file__)", folder=tmp_path)
    assert Path(place.strip()).is_relative_to(installation.packages)
