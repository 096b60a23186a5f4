"""What a made-up value is made from: the number of its row, and a marker that says whose row it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Seed", "Way", "constant", "null"]


@dataclasses.dataclass(frozen=True, slots=True)
class Seed:
    """What a value is made from.

    Attributes:
        number: differs between all new rows of a table, across all tenants.
        marker: says in a readable value whose row it is.
        longest: the most characters of a text, where an attempt showed that the column's own length is too much.
    """

    number: int
    marker: str
    longest: int | None = None


# Makes one value; None is NULL.
Way: TypeAlias = Callable[[Seed], str | None]


def null(_seed: Seed) -> None:
    """Return NULL."""


def constant(value: str) -> Way:
    """Return the way that makes the same value for all rows."""
    return lambda _seed: value
