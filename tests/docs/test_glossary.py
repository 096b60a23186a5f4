"""The glossary: its terms are in order, each has a meaning, and each is used on another page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT, blocks, links, pages

pytestmark = pytest.mark.docs

GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
ENTRY = re.compile(r"^## (?P<term>.+)\n\n(?P<meaning>(?:(?!## ).*\n)+)", re.MULTILINE)
LONGEST_MEANING = 60


def entries(page: Path) -> dict[str, str]:
    """Return the terms of the page, each with its meaning."""
    return {found["term"]: found["meaning"].strip() for found in ENTRY.finditer(page.read_text(encoding="utf-8"))}


def unused(terms: dict[str, str], texts: list[str]) -> set[str]:
    """Return the terms that appear in no text, in the singular or the plural."""
    text = " ".join(" ".join(texts).split())
    return {term for term in terms if not re.search(rf"\b{re.escape(term)}(?:s|es)?\b", text, re.IGNORECASE)}


def test_terms_are_in_alphabetical_order_and_have_one_entry_each() -> None:
    headings = re.findall(r"^## (.+)$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == sorted(set(headings), key=str.lower)
    assert list(entries(GLOSSARY)) == headings


def test_each_term_has_a_short_meaning() -> None:
    terms = entries(GLOSSARY)
    assert [term for term, meaning in terms.items() if not 4 <= len(meaning.split()) <= LONGEST_MEANING] == []
    assert list(blocks(GLOSSARY)) == []


def test_each_term_is_used_on_another_page() -> None:
    """A term that no other page uses is not needed; code blocks and tables of the reference count as well."""
    texts = [page.read_text(encoding="utf-8") for page in pages() if page != GLOSSARY]
    assert unused(entries(GLOSSARY), texts) == set()


@pytest.mark.parametrize("page", ["README.md", "docs/README.md", "CONTRIBUTING.md"])
def test_the_glossary_is_linked(page: str) -> None:
    path = ROOT / page
    assert GLOSSARY in {(path.parent / target.partition("#")[0]).resolve() for target in links(path)}


def test_an_unused_term_is_found(tmp_path: Path) -> None:
    """A part of a longer word is no use, a plural and another line are one."""
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n## Lease\n\nA lock.\n\n## Head\n\nThe newest.\nOr so.\n\n## Unit of work\n\nA block.\n")
    terms = entries(page)
    assert terms == {"Lease": "A lock.", "Head": "The newest.\nOr so.", "Unit of work": "A block."}
    assert unused(terms, ["Two leases are released by\nunits and a unit of\nwork; ahead"]) == {"Head"}
