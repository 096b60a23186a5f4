"""What the API takes and gives."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tenantry.web.counted_page import CountedPage

__all__ = ["Item", "ItemCreate", "ItemListResponse", "ItemUpdate", "Name"]

# PostgreSQL's text holds every character but NUL. The table's own check counts a tab as a name; people do not.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"),
    Field(examples=["Lamp"]),
]
Description = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class ItemCreate(BaseModel):
    """A new item."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Description | None = None


class ItemUpdate(BaseModel):
    """What shall change; what is left out stays. A description of null removes it, a name of null is left out too."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Description | None = None

    def columns(self) -> dict[str, Any]:
        """Return the values to write, by mapped attribute."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if name != "name" or value is not None}


class Item(BaseModel):
    """An item as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class ItemListResponse(CountedPage[Item]):
    """One page of items, and how many there are in all."""
