"""The blocks of Python on every page run with the installed wheel, in a project outside of the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bookshop_project import write_bookshop
from documents import ROOT, Block, blocks, pages
from example_project import ExampleProject, write_example_project
from installed import Installation, run
from walkthrough import Walkthrough

pytestmark = pytest.mark.one_version

TUTORIAL = ROOT / "docs" / "tutorial" / "first-service.md"
# Its blocks are modules of tests of one project.
TESTING = ROOT / "docs" / "howto" / "test-your-service.md"

# Tests of their own run the blocks of these pages, on models and requests that the pages do not show.
ELSEWHERE = {ROOT / "docs" / "howto" / name for name in ("relate-tables.md", "work-after-the-response.md")}

# Decisions show what was weighed, and are no instructions.
PAGES = [page for page in pages() if "decisions" not in page.parts and page not in {TUTORIAL, TESTING, *ELSEWHERE}]
EXAMPLES = {page: [block for block in blocks(page) if block.language == "python"] for page in PAGES}

NOTES = {"", "file", "revision", "not run"}
# Blocks that no test runs, each with its reason on the page.
LEFT_OUT = 0


@pytest.fixture(scope="module")
def project(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProject]:
    folder = tmp_path_factory.mktemp("a project")
    project = write_example_project(folder, installation.python)
    yield project
    project.run(installation.python.parent / "tenantry", "down")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page, found in EXAMPLES.items() if found], ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, project: ExampleProject) -> None:
    for block in EXAMPLES[page]:
        project.follow(block)


@pytest.mark.timeout(300)
def test_the_tests_of_the_guide_pass(installation: Installation, tmp_path: Path) -> None:
    write_bookshop(tmp_path, TESTING)
    said = run(
        installation.python, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:hypothesispytest", folder=tmp_path
    )
    assert "passed" in said


@pytest.mark.timeout(300)
def test_the_tutorial_can_be_followed(installation: Installation, tmp_path: Path) -> None:
    """Every file is written and every command run, in order; what the page shows as output is printed."""
    reading = Walkthrough(tmp_path, programs=installation.python.parent)
    try:
        for block in blocks(TUTORIAL):
            reading.follow(block)
    finally:
        reading.close()
    assert len(reading.left_out) == 1


def test_every_block_is_run_or_says_why_not() -> None:
    every = [block for found in EXAMPLES.values() for block in found]
    assert [str(block) for block in every if _kind(block) not in NOTES] == []
    left_out = [block for block in every if _kind(block) == "not run"]
    assert len(left_out) == LEFT_OUT
    assert len(every) > 15


UNDECLARED = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tenantry import TenantBase

class Base(TenantBase, DeclarativeBase): ...

class Book(Base):
    __tablename__ = 'books'
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import tenantry.nothing\n", "No module named 'tenantry.nothing'"),
        ("async def work() -> None:\n    raise ValueError('in it')\n", "ValueError: in it"),
        (UNDECLARED, "does not declare its tenancy"),
    ],
)
def test_an_example_that_fails_is_noticed(text: str, said: str, project: ExampleProject) -> None:
    with pytest.raises(AssertionError, match=said):
        project.follow(Block(TUTORIAL, 1, "python", text))


def _kind(block: Block) -> str:
    return block.note.partition(":")[0]
