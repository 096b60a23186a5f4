"""Where a thing is that a POST has made: its `Location`, below the path that was posted to.

async def create(session: Work, body: NewItem, created: Creation) -> Item:
    row = await add(session, Item(name=body.name))
    created.at(row.id)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

__all__ = ["Created", "Creation"]


@dataclass(frozen=True, slots=True)
class Created:
    """The response to a POST, which names what came of it."""

    path: str
    response: Response

    def at(self, key: object) -> None:
        """Say which key the new thing has."""
        self.response.headers["Location"] = f"{self.path}/{key}"


def _created(request: Request, response: Response) -> Created:
    return Created(request.url.path, response)


# What a route takes: `created: Creation`.
Creation = Annotated[Created, Depends(_created)]
