"""Makes a text that a regular expression matches, for the simple expressions that CHECK constraints are made of.

Python's own parser reads the expression: what the two dialects write alike is what such checks use. What it cannot
read, or what looks around, gives no text, and another candidate is tried.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

__all__ = ["sample"]

_Choice = TypeVar("_Choice")

# The standard library has no public face for them since `sre_parse` is deprecated, and no types either.
sre: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

_CLASSES = {
    sre.CATEGORY_DIGIT: "0123456789",
    sre.CATEGORY_WORD: "abcdefghijklmnopqrstuvwxyz0123456789",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_DIGIT: "abcdefghijklmnopqrstuvwxyz",
    sre.CATEGORY_NOT_SPACE: "abcdefghijklmnopqrstuvwxyz",
    sre.CATEGORY_NOT_WORD: "-",
}
_PRINTABLE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. @/:+#"
_POSIX_CLASSES = {"alpha": "a-zA-Z", "alnum": "a-z0-9", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "space": " "}
# How often is repeated what may be repeated without end: room for texts that differ.
_OFTEN = 6


def sample(pattern: str, number: int) -> str | None:
    """Return a text that matches, a different one for another number; None if it is beyond us."""
    for name, members in _POSIX_CLASSES.items():
        pattern = pattern.replace(f"[:{name}:]", members)
    try:
        with warnings.catch_warnings():
            # Python announces that it may read nested brackets otherwise one day.
            warnings.simplefilter("ignore", FutureWarning)
            return _Sampler(number).text(parser.parse(pattern))
    except (re.error, LookupError, ValueError):
        return None


class _Sampler:
    """Spends a number on the choices of a pattern, so that near numbers give different texts."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._makers: Mapping[Any, Callable[[Any], str]] = {
            sre.LITERAL: chr,
            sre.NOT_LITERAL: lambda one: self._pick([letter for letter in _PRINTABLE if ord(letter) != one]),
            sre.ANY: lambda _: self._pick(list("abcdefghijklmnopqrstuvwxyz")),
            sre.IN: lambda items: self._pick(_members(items)),
            sre.SUBPATTERN: lambda group: self.text(group[-1]),
            sre.BRANCH: lambda branch: self.text(self._pick(branch[1])),
            sre.MAX_REPEAT: self._repeat,
            sre.MIN_REPEAT: self._repeat,
            sre.AT: lambda _: "",
        }

    def text(self, parsed: Any) -> str:
        """Return a text for a parsed pattern; raises LookupError for what it has no maker for."""
        # From the end, because what varies stands there: a code's digits behind its letters.
        return "".join(reversed([self._makers[code](argument) for code, argument in reversed(list(parsed))]))

    def _repeat(self, argument: Any) -> str:
        least, most, inner = argument
        count = min(int(most), max(int(least), _OFTEN))
        return "".join(reversed([self.text(inner) for _ in range(count)]))

    def _pick(self, choices: Sequence[_Choice]) -> _Choice:
        self._left, place = divmod(self._left, len(choices))
        return choices[place]


def _members(items: Any) -> list[str]:
    """Return the characters of a bracket expression, among those that can be printed."""
    found: list[str] = []
    for code, argument in items:
        if code is sre.LITERAL:
            found.append(chr(argument))
        elif code is sre.RANGE:
            found += map(chr, range(argument[0], argument[1] + 1))
        elif code is sre.CATEGORY:
            found += _CLASSES[argument]
    if items[0][0] is sre.NEGATE:
        found = [letter for letter in _PRINTABLE if letter not in found]
    return found
