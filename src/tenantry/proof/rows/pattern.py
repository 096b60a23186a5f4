"""Make a text that a regular expression of PostgreSQL matches.

The expressions are those that CHECK constraints are made of: literals, classes, groups, alternatives, repetition and
anchors, in PostgreSQL's own dialect (manual, 9.7.3). Anything else, a back reference or a lookahead, gives no text, and
the caller tries another candidate. docs/decisions/0017 says why no library does this.

A number chooses the text. The parser turns the expression into a tree of `_Node` functions; each spends a part of the
number on its choices, so that near numbers give different texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

__all__ = ["sample"]

_LOWER, _UPPER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_WORD = _LOWER + _DIGITS
# The characters that a negated class chooses from.
_PRINTABLE = _LOWER + _DIGITS + _UPPER + "-_. @/:+#"

# The characters that are chosen from a class.
_POSIX_CLASSES: Mapping[str, str] = {
    "alpha": _LOWER + _UPPER,
    "alnum": _WORD,
    "digit": _DIGITS,
    "lower": _LOWER,
    "upper": _UPPER,
    "space": " ",
    "blank": " ",
    "punct": "-_.@/:+#",
    "xdigit": _DIGITS + "abcdef",
    "word": _WORD,
}
_ESCAPED_CLASSES: Mapping[str, str] = {
    "d": _DIGITS,
    "w": _WORD,
    "s": " ",
    "D": _LOWER,
    "S": _LOWER,
    "W": "-",
}
# The characters that a negated bracket excludes by a class, where they are more than those above; "" for a class that
# is a complement itself.
_EXCLUDED: Mapping[str, str] = {
    "alnum": _WORD + _UPPER,
    "word": _WORD + _UPPER + "_",
    "xdigit": _DIGITS + "abcdefABCDEF",
    "w": _WORD + _UPPER + "_",
    "D": "",
    "S": "",
    "W": "",
}
_ESCAPED_CHARACTERS: Mapping[str, str] = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "e": "\x1b"}
# Escapes that match a place and no character: the ends of the text and of a word.
_PLACES = "AZmMyY"

# An open repetition is repeated so often: room for texts that differ.
_OPEN_REPETITION = 6
_MOST_REPETITIONS = 255


class _UnsupportedError(Exception):
    """The expression is malformed, or uses what this parser does not read."""


class _Choices:
    """A number that is spent on choices."""

    def __init__(self, number: int) -> None:
        self._left = number

    def pick(self, size: int) -> int:
        """Return a number below `size`."""
        self._left, place = divmod(self._left, size)
        return place


_Node: TypeAlias = Callable[[_Choices], str]


def sample(pattern: str, number: int) -> str | None:
    """Return a text that matches, a different one for a different number; None for an unsupported expression."""
    try:
        return _Parser(pattern).parse()(_Choices(number))
    except _UnsupportedError:
        return None


def _one_of(characters: str) -> _Node:
    if not characters:
        raise _UnsupportedError
    return lambda choices: characters[choices.pick(len(characters))]


def _literal(text: str) -> _Node:
    return lambda _choices: text


def _sequence(nodes: Sequence[_Node]) -> _Node:
    # From the end, because a code varies there: in the digits behind its letters.
    return lambda choices: "".join(reversed([node(choices) for node in reversed(nodes)]))


def _alternatives(branches: Sequence[_Node]) -> _Node:
    return lambda choices: branches[choices.pick(len(branches))](choices)


def _repeated(node: _Node, least: int, most: int | None) -> _Node:
    count = max(least, _OPEN_REPETITION) if most is None else min(most, max(least, _OPEN_REPETITION))
    return _sequence([node] * count)


def _class(name: str, classes: Mapping[str, str], *, is_negated: bool) -> str:
    """Return the characters of a class inside a bracket expression."""
    found = _EXCLUDED.get(name, classes[name]) if is_negated else classes[name]
    if not found:
        raise _UnsupportedError
    return found


class _Parser:
    """A recursive descent over one expression."""

    def __init__(self, pattern: str) -> None:
        # A director may stand first: `***:` says that an advanced expression follows, which is the default.
        self._pattern = pattern.removeprefix("***:")
        self._place = 0

    def parse(self) -> _Node:
        """Return the tree of the whole expression."""
        node = self._branches()
        if self._place < len(self._pattern):
            raise _UnsupportedError
        return node

    def _branches(self) -> _Node:
        branches = [self._branch()]
        while self._skip("|"):
            branches.append(self._branch())
        return branches[0] if len(branches) == 1 else _alternatives(branches)

    def _branch(self) -> _Node:
        nodes = []
        while self._peek() not in {"", "|", ")"}:
            nodes.append(self._repetition(self._atom()))
        return _sequence(nodes)

    def _atom(self) -> _Node:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return _one_of(self._bracket())
        if character == "\\":
            return self._escape()
        if character in "*+?{":
            raise _UnsupportedError
        return {"^": _literal(""), "$": _literal(""), ".": _one_of(_LOWER)}.get(character) or _literal(character)

    def _group(self) -> _Node:
        if self._skip("?") and not self._skip(":"):
            # A lookaround, or an embedded option.
            raise _UnsupportedError
        node = self._branches()
        if not self._skip(")"):
            raise _UnsupportedError
        return node

    def _escape(self) -> _Node:
        character = self._next()
        if character in _ESCAPED_CLASSES:
            return _one_of(_ESCAPED_CLASSES[character])
        if character in _PLACES:
            return _literal("")
        return _literal(self._escaped(character))

    def _escaped(self, character: str) -> str:
        """Return the character that an escape stands for."""
        if character in _ESCAPED_CHARACTERS:
            return _ESCAPED_CHARACTERS[character]
        if character.isalnum():
            # A back reference, a character by its code, or an escape that PostgreSQL does not know.
            raise _UnsupportedError
        return character

    def _repetition(self, node: _Node) -> _Node:
        if self._skip("*"):
            found: tuple[int, int | None] = (0, None)
        elif self._skip("+"):
            found = (1, None)
        elif self._skip("?"):
            found = (0, 1)
        elif self._skip("{"):
            found = self._bounds()
        else:
            return node
        # A non-greedy repetition matches the same texts.
        self._skip("?")
        return _repeated(node, *found)

    def _bounds(self) -> tuple[int, int | None]:
        inside, closed, _ = self._pattern[self._place :].partition("}")
        least, comma, most = inside.partition(",")
        if not closed or not least.isdecimal() or not (most.isdecimal() or not most):
            raise _UnsupportedError
        self._place += len(inside) + 1
        upper = int(most) if most else None if comma else int(least)
        if int(least) > (_MOST_REPETITIONS if upper is None else min(upper, _MOST_REPETITIONS)):
            raise _UnsupportedError
        return int(least), upper

    def _bracket(self) -> str:
        """Return the characters of a bracket expression. A `]` in the first place is one of them."""
        is_negated = self._skip("^")
        found = self._member(is_negated=is_negated)
        while not self._skip("]"):
            found += self._member(is_negated=is_negated)
        if is_negated:
            return "".join(character for character in _PRINTABLE if character not in found)
        return "".join(dict.fromkeys(found))

    def _member(self, *, is_negated: bool) -> str:
        """Return the characters of one member: a class, a range or a character."""
        if self._pattern.startswith("[:", self._place):
            name, closed, _ = self._pattern[self._place + 2 :].partition(":]")
            if not closed or name not in _POSIX_CLASSES:
                raise _UnsupportedError
            self._place += len(name) + 4
            return _class(name, _POSIX_CLASSES, is_negated=is_negated)
        first = self._next()
        if first == "\\":
            escape = self._next()
            if escape in _ESCAPED_CLASSES:
                return _class(escape, _ESCAPED_CLASSES, is_negated=is_negated)
            first = self._escaped(escape)
        if self._peek() == "-" and not self._pattern.startswith("-]", self._place):
            self._next()
            last = self._next()
            if last == "\\":
                last = self._escaped(self._next())
            return "".join(map(chr, range(ord(first), ord(last) + 1)))
        return first

    def _peek(self) -> str:
        return self._pattern[self._place : self._place + 1]

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise _UnsupportedError
        self._place += 1
        return character

    def _skip(self, text: str) -> bool:
        is_there = self._pattern.startswith(text, self._place)
        self._place += len(text) if is_there else 0
        return is_there
