from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest
from pydantic import ValidationError

from tenantry.fastapi.bodies import Patch, RequestBody, ResponseBody


class NewItem(RequestBody):
    name: str


class ItemChange(Patch):
    erasable: ClassVar[frozenset[str]] = frozenset({"note"})

    name: str | None = None
    note: str | None = None


class Item(ResponseBody):
    name: str


@pytest.mark.parametrize("kind", [NewItem, ItemChange])
def test_a_field_that_nobody_knows_is_refused(kind: type[RequestBody]) -> None:
    """A misspelt one would look as if it had been written."""
    with pytest.raises(ValidationError):
        kind.model_validate({"name": "Lamp", "nmae": "Lamp"})


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"name": "Lamp"}, {"name": "Lamp"}),
        ({"name": None}, {}),
        ({"note": None}, {"note": None}),
        ({"name": "Lamp", "note": "dim"}, {"name": "Lamp", "note": "dim"}),
    ],
)
def test_what_is_left_out_stays_and_null_empties_what_can_be_empty(given: object, changes: object) -> None:
    assert ItemChange.model_validate(given).changes() == changes


def test_the_erasable_fields_are_no_field_of_the_body() -> None:
    assert set(ItemChange.model_fields) == {"name", "note"}


def test_a_shape_is_read_from_a_row_and_shows_no_more_than_it_says() -> None:
    row = SimpleNamespace(name="Lamp", secret="hidden")
    assert Item.model_validate(row).model_dump() == {"name": "Lamp"}
