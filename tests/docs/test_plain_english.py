"""Plain English: the rules that a program can check, over all prose of the source, the services and the documentation.

Prose is every docstring, comment and message of a Python file, and every line of a Markdown page that is not code.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import ROOT, pages

pytestmark = pytest.mark.docs

# Each with what to say instead.
BANNED = {
    r"nobody|no one": "no role, no process, no user",
    r"whoever|whomever|whosoever": "name the subject: the caller, the role, the process",
    r"none": "no ..., or: is invalid",
    r"anew": "again",
    r"lest": "in case, so that ... not",
    r"of ours|of yours|of theirs|of its own make": "our, your, their",
    r"of late": "recent",
    r"graver|gravest|least grave": "higher severity",
    r"mend|mends|mended|mending": "fix, repair",
    r"put in|puts in|putting in": "insert, add",
    r"look at|looks at|looked at|looking at": "check, examine, read",
    r"is taken on|take on|takes on|took on": "SET ROLE, becomes",
    r"thither|hither|hence|thence|whence|therein|thereof|wherein": "plain words",
    r"where all stands|stands for whoever": "plain words",
}
PATTERN = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)
# `None` is Python's, what is in backquotes or in single quotes is code, and a cell may say that there is nothing.
CODE = re.compile(r"`[^`]*`|\bNone\b|'none'|\bSET ROLE NONE\b|\| none(?= \|)|<!--.*?-->", re.DOTALL)

SOURCES = sorted(
    path
    for folder in ("src", "services")
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts and "__pycache__" not in path.parts
)


def prose_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comments, docstrings and messages of a module, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_string = token.type == tokenize.STRING or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1)
        # A word alone is a name or a value; prose has spaces.
        if token.type == tokenize.COMMENT or (is_string and " " in token.string.strip()):
            yield token.start[0], token.string


def prose_of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page that are not code."""
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield number, line


def odd_words(prose: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield each banned phrase with its line."""
    for line, text in prose:
        for found in PATTERN.finditer(CODE.sub(lambda code: " " * len(code[0]), text)):
            yield line + text.count("\n", 0, found.start()), found[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_speaks_plain_english(path: Path) -> None:
    assert list(odd_words(prose_of_python(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_speak_plain_english(path: Path) -> None:
    assert list(odd_words(prose_of_markdown(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""Nobody answers."""', ["Nobody"]),
        ("# Read it anew, lest it be old.", ["anew", "lest"]),
        ('raise Error(f"It is none of {x} of ours.")', ["none", "of ours"]),
        ('VALUE = "none"', []),
        ('"""Return None."""', []),
        ("none = 1", []),
    ],
)
def test_an_odd_word_is_found_in_prose_only(text: str, found: list[str]) -> None:
    assert [word for _, word in odd_words(prose_of_python(text))] == found


def test_code_on_a_page_is_not_prose() -> None:
    text = "See `none`.\n```sql\nSELECT 'nobody';\n```\nNobody.\n"
    assert list(odd_words(prose_of_markdown(text))) == [(5, "Nobody")]
