"""The tutorial does what it says, when it is read from top to bottom."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import ROOT, blocks
from walkthrough import RUNNABLE, Walkthrough

PAGE = ROOT / "docs" / "tutorial" / "first-service.md"


@pytest.mark.timeout(300)
def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    """Every file is written and every command run, in order; what the page shows as output is printed."""
    reading = Walkthrough(tmp_path)
    try:
        for block in blocks(PAGE):
            reading.follow(block)
    finally:
        reading.close()
    assert len(reading.left_out) == 1


def test_every_block_of_the_tutorial_is_run_or_written() -> None:
    """A block in a language that can be run has no note, or one that we know."""
    for block in blocks(PAGE):
        kind = block.note.partition(":")[0]
        assert kind in {"", "file", "output", "fails", "background", "not run"}, str(block)
        assert kind or block.language in RUNNABLE, str(block)
