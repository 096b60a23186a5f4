"""A vector is read as a direction, or refused."""

from __future__ import annotations

import math

import pytest
from pydantic import TypeAdapter, ValidationError

from plc_coach.models import DIMENSIONS
from plc_coach.vectors import Vector

ADAPTER = TypeAdapter(Vector)
REST = [0.0] * (DIMENSIONS - 3)


@pytest.mark.parametrize("given", [[3, 0, 4], [3e5, 0, 4e5], [3e-6, 0, 4e-6]])
def test_its_length_becomes_one(given: list[float]) -> None:
    assert ADAPTER.validate_python(given + REST) == pytest.approx([0.6, 0.0, 0.8, *REST])


@pytest.mark.parametrize(
    "given",
    [
        [0, 0, 0, *REST],
        [1e-7, 0, 0, *REST],
        [1e7, 0, 0, *REST],
        [1e308, 1e308, 1e308, *REST],
        [math.nan, 1, 1, *REST],
        [math.inf, 1, 1, *REST],
        [1, 1, *REST],
        [1, 1, 1, 1, *REST],
        ["a", 1, 1, *REST],
        None,
    ],
)
def test_what_has_no_direction_is_refused(given: object) -> None:
    """Too short and too long for single precision are among it: their distances would be no numbers."""
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)
