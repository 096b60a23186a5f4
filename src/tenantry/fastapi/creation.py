"""The `Location` of a resource that a POST created, below the path of the request.

async def create(session: Work, body: NewItem, created: Creation) -> Item:
    row = await rows.add(session, Item(name=body.name))
    created.at(row.id)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

__all__ = ["Created", "Creation"]


@dataclass(frozen=True, slots=True)
class Created:
    """The response to a POST, which names the created resource."""

    path: str
    response: Response

    def at(self, key: object) -> None:
        """Set `Location` to the path of the resource with this key."""
        self.response.headers["Location"] = f"{self.path}/{key}"


def _created(request: Request, response: Response) -> Created:
    return Created(request.url.path, response)


# For a route's parameter: `created: Creation`.
Creation = Annotated[Created, Depends(_created)]
