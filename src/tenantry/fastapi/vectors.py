"""Vectors that requests carry, for columns that are searched by cosine distance.

    Vector = Annotated[list[float], Direction(384)]

Cosine distance looks at the direction alone. So a vector becomes one of length 1 on its way in, where single precision
neither overflows nor vanishes; one without a direction has no distance to anything, and is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, core_schema

__all__ = ["Direction"]

LEAST_NORM, LARGEST_NORM = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Direction:
    """Says of a list of numbers that it has so many, all finite, and is read as the direction that they give."""

    dimensions: int

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        """Return how pydantic reads it."""
        number = core_schema.float_schema(allow_inf_nan=False)
        numbers = core_schema.list_schema(number, min_length=self.dimensions, max_length=self.dimensions)
        return core_schema.no_info_after_validator_function(_unit, numbers)


def _unit(values: list[float]) -> list[float]:
    norm = math.hypot(*values)
    if not LEAST_NORM <= norm <= LARGEST_NORM:
        raise ValueError(f"The vector's length is not between {LEAST_NORM:g} and {LARGEST_NORM:g}.")
    return [value / norm for value in values]
