"""Vectors that requests carry, for columns that are searched by cosine distance.

Cosine distance looks at the direction alone. So a vector becomes one of length 1 on its way in, where single precision
neither overflows nor vanishes; one without a direction has no distance to anything, and is refused.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, Field

__all__ = ["direction"]

LEAST_NORM, LARGEST_NORM = 1e-6, 1e6


def direction(dimensions: int) -> Any:
    """Return the type of a vector's field: so many finite numbers, read as the direction that they give."""
    number = Annotated[float, Field(allow_inf_nan=False)]
    length = Field(min_length=dimensions, max_length=dimensions)
    return Annotated[list[number], length, AfterValidator(_unit)]


def _unit(values: list[float]) -> list[float]:
    norm = math.hypot(*values)
    if not LEAST_NORM <= norm <= LARGEST_NORM:
        raise ValueError(f"The vector's length is not between {LEAST_NORM:g} and {LARGEST_NORM:g}.")
    return [value / norm for value in values]
