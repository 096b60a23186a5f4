"""Texts in the most common formats, cut to the length of their column.

A text begins with the marker of its tenant, so that a leak is readable. It ends with what differs from row to row, and
the cut keeps this end.
"""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from tenantry.proof.rows.seed import Seed, Way
from tenantry.proof.rows.shape import Type

__all__ = ["text_ways"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

# A modifier is the length plus VARHDRSZ.
_HEADER = 4


def text_ways(kind: Type) -> tuple[Way, ...]:
    """Return the ways to make a text that fits into its column."""
    return tuple(_fitted(way, _longest(kind)) for way in _TEXT_WAYS)


def _longest(kind: Type) -> int | None:
    if kind.name in {"varchar", "bpchar"} and kind.modifier >= _HEADER:
        return kind.modifier - _HEADER
    return {"name": 63, "char": 1, "bpchar": None}.get(kind.name)


def _fitted(way: Way, longest: int | None) -> Way:
    """Cut a text to its column's length, and keep what differs from row to row."""

    def make(seed: Seed) -> str | None:
        value = way(seed)
        limits = [limit for limit in (longest, seed.longest) if limit is not None]
        if value is None or not limits or len(value) <= min(limits):
            return value
        limit, own = min(limits), _base36(seed.number)
        return (value[: max(0, limit - len(own))] + own)[-limit:] if limit else ""

    return make


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


# Tables to write a number in letters.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_CAPITALS = str.maketrans("0123456789", "GHIJKLMNOP")
_CAPITAL_WORDS = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN")

_TEXT_WAYS: tuple[Way, ...] = (
    lambda seed: f"{seed.marker} {seed.number}",
    lambda seed: f"{seed.marker}-{seed.number}",
    lambda seed: f"{seed.marker}{seed.number}".replace("-", "_"),
    lambda seed: f"{seed.marker.replace('-', '')}x{_base36(seed.number)}".translate(_LETTERS),
    lambda seed: f"{seed.marker.upper()}-{seed.number}",
    lambda seed: f"{seed.marker.replace('-', '').upper()}{_base36(seed.number).upper()}".translate(_CAPITALS),
    lambda seed: f"{seed.marker}-{seed.number}@proof.example",
    lambda seed: f"https://proof.example/{seed.marker}/{seed.number}",
    lambda seed: f"{seed.number + 1}",
    lambda seed: f"+1555{seed.number:07d}",
    lambda seed: f"{seed.number + 0xA0000:06x}",
    lambda seed: f"#{seed.number + 0xA0000:06x}",
    lambda seed: f"{seed.number % 100}.{seed.number % 10}.0",
    lambda seed: f"/{seed.marker}/{seed.number}",
    lambda _seed: str(uuid.uuid4()),
    lambda seed: f"{date(2040, 1, 1) + timedelta(days=seed.number)}",
    lambda seed: f'{{"{seed.marker}": {seed.number}}}',
    lambda seed: _CAPITAL_WORDS[seed.number % len(_CAPITAL_WORDS)],
    lambda _seed: "",
)
