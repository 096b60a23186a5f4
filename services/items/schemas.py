"""Bodies of requests and responses."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from tenantry.fastapi import CountedPage, Patch, RequestBody, ResponseBody, fields

__all__ = ["Item", "ItemCreate", "ItemListResponse", "ItemUpdate", "Name"]

# PostgreSQL's text cannot hold NUL. The check of the table would accept a tab as a name; this pattern does not.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"),
    Field(examples=["Lamp"]),
]


class ItemCreate(RequestBody):
    """A new item."""

    name: Name
    description: fields.Text | None = None


class ItemUpdate(Patch):
    """Changes of an item; a missing field stays as it is. Null removes the description and keeps the name."""

    erasable: ClassVar[frozenset[str]] = frozenset({"description"})

    name: Name | None = None
    description: fields.Text | None = None


class Item(ResponseBody):
    """An item."""

    id: uuid.UUID
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class ItemListResponse(CountedPage[Item]):
    """One page of items, and their total number."""
