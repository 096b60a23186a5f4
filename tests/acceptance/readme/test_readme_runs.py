"""README does what it says: every block is run, in a copy of the checkout whose path has a space."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import ROOT, Block, blocks
from walkthrough import RUNNABLE, Walkthrough

PAGE = ROOT / "README.md"

# What a checkout needs to run: the tests and the documentation stay behind.
NEEDED = ("Makefile", "pyproject.toml", "LICENSE", "README.md", "requirements", "src", "services", "compose.yaml")
# The suite itself, the two ways to a server that somebody else runs.
LEFT_OUT = 3


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout that shares this environment, as if its requirements had been installed."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".tenantry"))
        else:
            shutil.copy2(source, folder / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    # Make compares times: a stamp newer than what it stands for says that there is nothing to install.
    for name in ("requirements/run.txt", "requirements/dev.txt", "pyproject.toml"):
        os.utime(folder / name, (0, 0))
    for stamp in (".venv/run", ".venv/dev"):
        (folder / stamp).touch()
    return folder


@pytest.fixture
def reading(checkout: Path) -> Iterator[Walkthrough]:
    walkthrough = Walkthrough(checkout)
    yield walkthrough
    walkthrough.close()


@pytest.mark.timeout(300)
def test_every_block_of_the_readme_does_what_it_says(reading: Walkthrough) -> None:
    """What serves is started first; the others follow in the order in which they are read."""
    every = list(blocks(PAGE))
    for block in sorted(every, key=_is_not_in_background):
        reading.follow(block)
    assert len(reading.left_out) == LEFT_OUT


def test_what_is_not_run_says_why() -> None:
    """A block that needs what this machine may not have is marked, with a reason; there are as many as we know of."""
    left_out = [block for block in blocks(PAGE) if block.note.startswith("not run")]
    assert len(left_out) == LEFT_OUT
    assert all(len(block.note.partition(": ")[2].split()) >= LEFT_OUT for block in left_out)


def test_a_block_that_fails_is_noticed(reading: Walkthrough) -> None:
    """A command that ends badly, and an output that is not there, each end the reading."""
    with pytest.raises(AssertionError, match="ended with 3"):
        reading.follow(Block(PAGE, 1, "bash", "exit 3\n"))
    with pytest.raises(AssertionError, match="ended with 0"):
        reading.follow(Block(PAGE, 1, "bash", "true\n", "fails"))
    with pytest.raises(AssertionError, match="ended with 1"):
        reading.follow(Block(PAGE, 1, "python", "raise SystemExit(1)\n"))
    reading.follow(Block(PAGE, 1, "bash", "echo something\n"))
    with pytest.raises(AssertionError, match="is not in"):
        reading.follow(Block(PAGE, 2, "text", "something else\n", "output"))
    with pytest.raises(AssertionError, match="says why"):
        reading.follow(Block(PAGE, 3, "bash", "false\n", "not run"))


def test_readme_has_no_block_that_nobody_runs() -> None:
    """A block is in a language that is run, or is the output of one that was."""
    for block in blocks(PAGE):
        assert block.language in RUNNABLE or block.note == "output", str(block)


def _is_not_in_background(block: Block) -> bool:
    return not block.note.startswith("background")
