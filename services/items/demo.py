"""Demonstration data: a few items, and example requests."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import insert, select

from items.models import Item
from items.settings import Settings
from tenantry import Database
from tenantry.fastapi import Examples

__all__ = ["NAMES", "examples", "seed"]

NAMES = ("Desk lamp", "Standing desk", "Office chair")


async def seed(database: Database) -> None:
    """Insert the demonstration items into an empty table."""
    async with database.session() as session:
        if await session.scalar(select(Item).limit(1)) is None:
            await session.execute(insert(Item), [{"name": name} for name in NAMES])


def examples(_settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a curl line for each example; `url` is the service's (`http://127.0.0.1:8000/items`)."""
    ask = Examples(url)
    yield "Is it ready, and the database connected?", ask.line("/ready")
    yield "Items, and how many there are", ask.line("?limit=2&offset=0")
    yield (
        "Create an item; the same request with the same key does not create a second one",
        ask.line("", body={"name": "Bookshelf", "description": "Oak"}, headers={"Idempotency-Key": "demo-1"}),
    )
