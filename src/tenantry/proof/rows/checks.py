"""Candidates for a column's value from the text of its constraints.

Most CHECK constraints contain what they accept: a list of words, a bound, a length, a pattern. These are tried, with
the values next to them. The database judges each, so this module picks likely candidates and does not interpret the
expression.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from tenantry.proof.rows.pattern import sample
from tenantry.proof.rows.seed import Seed, Way, constant
from tenantry.proof.rows.shape import Type
from tenantry.proof.rows.values import array, ways_of

__all__ = ["ways_from"]

# A string constant as pg_get_constraintdef prints it, with the operator in front of it.
_STRING = re.compile(r"(?P<operator>!?~~?\*?)?\s*(?:E)?'(?P<text>(?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'$])-?\d+(?:\.\d+)?(?![\w.'])")

# The longest text and array that are tried; a larger number is probably no length.
_LONGEST_TEXT, _LONGEST_ARRAY = 10_000, 100


def ways_from(definition: str, kind: Type) -> tuple[Way, ...]:
    """Return the ways to make a value of a type that a constraint's definition suggests."""
    numbers = _numbers_in(definition)
    if kind.element is not None:
        elements = ways_from(definition, kind.element)
        lengths = [int(number) for number in numbers if number.isdigit() and int(number) <= _LONGEST_ARRAY]
        usual = ways_of(kind.element)[:1]
        return (*map(array, elements), *(array(*usual * length) for length in lengths))
    if kind.bound is not None:
        return tuple(_range(number) for number in numbers)
    is_characters = kind.is_text or kind.name == "bytea"
    return (*_from_texts(definition), *(_lengths(numbers) if is_characters else _from_numbers(numbers)))


def _from_texts(definition: str) -> Iterator[Way]:
    words = []
    for found in _STRING.finditer(definition):
        text, operator = found["text"].replace("''", "'"), found["operator"] or ""
        if operator in {"~", "~*"}:
            yield _sampled(text)
        elif operator in {"~~", "~~*"}:
            yield _like(text)
        else:
            words.append(text)
    # The next word for each row, so that a unique key has room for as many rows as there are words.
    yield from (_word(words, place) for place in range(len(words)))
    # A function may compare the beginning, the middle or the end with the word.
    yield from (_surrounded(word) for word in words)


def _word(words: list[str], place: int) -> Way:
    return lambda seed: words[(seed.number + place) % len(words)]


def _sampled(pattern: str) -> Way:
    return lambda seed: sample(pattern, seed.number)


def _like(pattern: str) -> Way:
    return lambda seed: pattern.replace("%", f"x{seed.number}").replace("_", "x")


def _surrounded(word: str) -> Way:
    return lambda seed: f"{word}{seed.number}{word}"


def _numbers_in(definition: str) -> list[str]:
    """Return the numbers outside of strings and names."""
    return list(dict.fromkeys(_NUMBER.findall(_STRING.sub(" ", definition))))


def _from_numbers(numbers: list[str]) -> Iterator[Way]:
    bounds = sorted({int(float(number)) for number in numbers})
    # Between two bounds, and beyond one, there is room for different rows.
    yield from (_between(low, high) for low, high in itertools.pairwise(bounds))
    yield from map(constant, numbers)
    yield from (_beyond(bound, way) for bound in bounds for way in (1, -1))
    for number in numbers:
        value = float(number)
        step = 1.0 if value.is_integer() else 0.001
        yield from (constant(f"{near:g}") for near in (value + step, value - step))


def _lengths(numbers: list[str]) -> Iterator[Way]:
    """Yield texts whose lengths are the numbers, or differ from them by one."""
    named = [int(number) for number in numbers if number.isdigit() and 0 < int(number) <= _LONGEST_TEXT]
    for length in dict.fromkeys(near for number in named for near in (number, number - 1, number + 1)):
        for change in (str, str.upper):
            yield _of_length(length, change)


def _between(least: int, most: int) -> Way:
    return lambda seed: str(least + 1 + seed.number % max(1, most - least - 1))


def _beyond(bound: int, direction: int) -> Way:
    return lambda seed: str(bound + direction * (1 + seed.number))


def _range(number: str) -> Way:
    first = int(float(number))
    return lambda seed: f"[{first + 10 * seed.number},{first + 10 * seed.number + 5})"


def _of_length(length: int, change: Callable[[str], str]) -> Way:
    def make(seed: Seed) -> str:
        own = str(seed.number)
        text = f"{seed.marker}{own}".ljust(length, "x")
        # The number comes last, so that cutting the text keeps it.
        return change((text[: max(0, length - len(own))] + own)[-length:]) if length else ""

    return make
