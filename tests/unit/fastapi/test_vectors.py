"""A vector is read as a direction, or refused."""

from __future__ import annotations

import math
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from tenantry.fastapi.vectors import Direction

ADAPTER = TypeAdapter(Annotated[list[float], Direction(3)])


@pytest.mark.parametrize("given", [[3, 0, 4], [3e5, 0, 4e5], [3e-6, 0, 4e-6]])
def test_its_length_becomes_one(given: list[float]) -> None:
    assert ADAPTER.validate_python(given) == pytest.approx([0.6, 0.0, 0.8])


@pytest.mark.parametrize(
    "given",
    [
        [0, 0, 0],
        [1e-7, 0, 0],
        [1e7, 0, 0],
        [1e308, 1e308, 1e308],
        [math.nan, 1, 1],
        [math.inf, 1, 1],
        [1, 1],
        [1, 1, 1, 1],
        ["a", 1, 1],
        None,
    ],
)
def test_what_has_no_direction_is_refused(given: object) -> None:
    """Too short and too long for single precision are among it: their distances would be no numbers."""
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)
