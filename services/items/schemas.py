"""What the API takes and gives."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from tenantry.fastapi.counted_pages import CountedPage
from tenantry.fastapi.fields import Text
from tenantry.fastapi.shapes import Body, Patch, Shape

__all__ = ["Item", "ItemCreate", "ItemListResponse", "ItemUpdate", "Name"]

# PostgreSQL's text holds every character but NUL. The table's own check counts a tab as a name; people do not.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"),
    Field(examples=["Lamp"]),
]


class ItemCreate(Body):
    """A new item."""

    name: Name
    description: Text | None = None


class ItemUpdate(Patch):
    """What shall change; what is left out stays. A description of null removes it, a name of null is left out too."""

    erasable: ClassVar[frozenset[str]] = frozenset({"description"})

    name: Name | None = None
    description: Text | None = None


class Item(Shape):
    """An item as it is stored."""

    id: uuid.UUID
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class ItemListResponse(CountedPage[Item]):
    """One page of items, and how many there are in all."""
