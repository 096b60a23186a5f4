"""A few items to look at, and the requests worth trying."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import insert, select

from items.models import Item
from items.settings import Settings
from tenantry import Database
from tenantry.fastapi.examples import Examples

__all__ = ["NAMES", "examples", "seed"]

NAMES = ("Desk lamp", "Standing desk", "Office chair")


async def seed(database: Database) -> None:
    """Put in the demonstration items, where there are no items yet."""
    async with database.session() as session:
        if await session.scalar(select(Item).limit(1)) is None:
            await session.execute(insert(Item), [{"name": name} for name in NAMES])


def examples(_settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield what is worth trying at `url`, the service's own (`http://127.0.0.1:8000/items`): title, curl line."""
    ask = Examples(url)
    yield "Is it ready, and the database connected?", ask.line("/ready")
    yield "Items, and how many there are", ask.line("?limit=2&offset=0")
    yield (
        "Create one; sent again with the same key, it is not created twice",
        ask.line("", body={"name": "Bookshelf", "description": "Oak"}, headers={"Idempotency-Key": "demo-1"}),
    )
