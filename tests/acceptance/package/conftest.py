"""The package as its users get it: built, installed without the checkout, and nothing of the checkout in sight."""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from documents import ROOT
from installed import Distribution, Installation, run


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    folder = tmp_path_factory.mktemp("dist")
    run(Path(sys.executable).parent / "hatchling", "build", "-d", folder, folder=ROOT)
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distribution(wheel, archive)


@pytest.fixture(scope="session")
def installation(distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
    # The pip of the Python below our own environment, as in the Makefile: environments here have none.
    pip = (Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", distribution.wheel, folder=folder)
    # A .pth file adds a folder to the path, and does not read the .pth files in it: the editable Tenantry stays away.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return Installation(python, packages)
