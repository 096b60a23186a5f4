from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.proof.rows.pattern import sample

PATTERNS = [
    "^[A-Z]{3}-[0-9]{4}$",
    r"^\d+$",
    r"^[a-z0-9]+(-[a-z0-9]+)*$",
    "^(red|green|blue)$",
    r"^[^@ ]+@[^@ ]+\.[a-z]{2,}$",
    "^.{8,}$",
    "^#?[0-9a-f]{6}$",
    r"^\+?[1-9]\d{6,14}$",
    r"^\w+\s\w+$",
    "^a*?b$",
    "abc",
    "",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(number=st.integers(min_value=0, max_value=10**6))
def test_a_sample_matches(pattern: str, number: int) -> None:
    text = sample(pattern, number)
    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize("pattern", PATTERNS[:3])
def test_near_numbers_give_different_texts(pattern: str) -> None:
    assert len({sample(pattern, number) for number in range(100)}) == 100


# Expressions that PostgreSQL reads otherwise than Python's `re`, each with the text for the number 0.
POSTGRESQL = {
    "^[[:upper:]]{2}[[:digit:]]$": "AA0",
    "^[[:alpha:]_]{2}$": "aa",
    "[^[:alnum:][:space:]]": "-",
    r"^[\d.]{3}$": "000",
    r"\mab\M": "ab",
    r"\Aab\Z": "ab",
    "***:ab": "ab",
    "[]a]{2}": "]]",
    "[^]a]": "b",
    r"[^\w\s]": "-",
    "[a-]": "a",
    "[-a]": "-",
    "[+-/]": "+",
    "(?:ab|c)x": "abx",
    "a{2}?": "aa",
    "(a|b|)": "a",
    r"a\.b\\": "a.b\\",
    r"[\]]": "]",
    "": "",
}


@pytest.mark.parametrize(("pattern", "text"), POSTGRESQL.items())
def test_the_dialect_is_postgresql_s(pattern: str, text: str) -> None:
    assert sample(pattern, 0) == text


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)b",
        "^(?!x)",
        "(?<=a)b",
        "(?i)a",
        r"(a)\1",
        r"\u0041",
        "[",
        "[a",
        "[[:vowel:]]",
        "(a",
        "a)",
        "*a",
        "a**",
        "a{",
        "a{x}",
        "a{2,1}",
        "a{256}",
        "a\\",
        "[b-a]",
        r"[^\S]",
    ],
)
def test_an_unsupported_or_malformed_expression_gives_nothing(pattern: str) -> None:
    assert sample(pattern, 0) is None
