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


def test_classes_of_posix_are_known() -> None:
    assert sample("^[[:upper:]]{2}[[:digit:]]$", 0) == "AA0"


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "[", "^(?!x)"])
def test_what_is_beyond_it_gives_nothing(pattern: str) -> None:
    assert sample(pattern, 0) is None
