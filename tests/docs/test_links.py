"""No link of the documentation leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import ROOT, anchors, links, pages

pytestmark = pytest.mark.docs


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading in it."""
    found = []
    for target in links(page):
        place, _, anchor = target.partition("#")
        if "://" in place or place.startswith("mailto:"):
            continue
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    """A page that nothing links to is a page that nobody reads."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        places = (target.partition("#")[0] for target in links(page) if "://" not in target)
        waiting += [(page.parent / place).resolve() for place in places if place]
    assert {page for page in pages() if page not in seen} == set()


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing file and a missing heading are both found; a link inside of code is none."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, `code` too\n[a](page.md#a-heading-code-too) [b](gone.md) [c](#gone) `[d](none.md)`\n"
        "```text\n[e](none.md)\n```\n"
    )
    assert broken(page) == ["gone.md", "#gone"]
