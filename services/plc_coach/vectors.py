"""Vectors of requests, for a column that is searched by cosine distance.

Cosine distance depends on the direction only. A vector is therefore scaled to length 1, where single precision neither
overflows nor underflows. A vector of length 0 has no direction and is refused.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, AllowInfNan, Field

from plc_coach.models import DIMENSIONS

__all__ = ["Vector"]

LEAST_NORM, LARGEST_NORM = 1e-6, 1e6


def _unit(values: list[float]) -> list[float]:
    norm = math.hypot(*values)
    if not LEAST_NORM <= norm <= LARGEST_NORM:
        raise ValueError(f"The length of the vector must be between {LEAST_NORM:g} and {LARGEST_NORM:g}.")
    return [value / norm for value in values]


Number = Annotated[float, AllowInfNan(allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=DIMENSIONS, max_length=DIMENSIONS), AfterValidator(_unit)]
