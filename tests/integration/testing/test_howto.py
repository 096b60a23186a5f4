"""The guide to tests: every block of Python on the page runs in the project that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bookshop_project import write_bookshop
from documents import ROOT, blocks
from plugin_project import UserProject

pytestmark = pytest.mark.one_version

PAGE = ROOT / "docs" / "howto" / "test-your-service.md"

INDEX = '''
"""index the titles"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_index("ix_books_title", "books", ["title"])


def downgrade():
    pass
'''


@pytest.fixture
def bookshop(tmp_path: Path) -> UserProject:
    return write_bookshop(tmp_path, PAGE)


def test_the_code_of_the_page_runs(bookshop: UserProject) -> None:
    """Every test on the page passes, and each module that it makes of a block is collected."""
    done = bookshop.test("")
    expected = sum(text.count("def test_") for text in (path.read_text() for path in bookshop.folder.glob("test_b*")))
    conformity = 6 * len(re.findall(r"^class Test", PAGE.read_text("utf-8"), re.MULTILINE))
    assert conformity
    assert f"{expected + conformity} passed" in done.stdout, done.stdout


@pytest.mark.parametrize("mode", ["auto", "strict", "none"])
def test_conformity_needs_no_plugin_for_asyncio(bookshop: UserProject, mode: str) -> None:
    """It runs in either mode of pytest-asyncio and without it; a failure reads as on the page, without a traceback."""
    for path in bookshop.folder.glob("test_block_*"):
        path.unlink()
    pyproject = bookshop.folder / "pyproject.toml"
    text = pyproject.read_text().replace('"auto"', f'"{mode}"')
    pyproject.write_text(re.sub("^asyncio_.*\n", "", text, flags=re.MULTILINE) if mode == "none" else text)
    (bookshop.folder / "bookshop/migrations/versions/0002_index_the_titles.py").write_text(INDEX)
    options = ["-p", "no:asyncio"] if mode == "none" else []
    suite = "from tenantry.testing import Conformity\n\nclass TestBookshop(Conformity):\n    pass\n"
    done = bookshop.test(suite, "-k", "reverse or roles", *options)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    (shown,) = [block.text for block in blocks(PAGE) if block.language == "text"]
    printed = done.stdout.replace(str(bookshop.folder), "...")
    assert " ".join(shown.split()) in " ".join(printed.split()), done.stdout
    assert "reversal.py" not in done.stdout
