"""Reads and writes the rows of items. Each method runs one statement or two.

`ItemReader` only reads and takes a read-only session; `ItemRepository` also writes.
"""

from __future__ import annotations

import uuid

from sqlalchemy import delete, insert, select, update

from items import schemas
from items.models import Item
from tenantry import ReadSession, TenantSession
from tenantry.fastapi import CountedPageRequest, etag, narrow, paginate_counted

__all__ = ["ItemReader", "ItemRepository"]

ANY_VERSION = etag.Precondition()


class ItemReader:
    """Reads items."""

    def __init__(self, session: ReadSession | TenantSession) -> None:
        self._reading = session

    async def get_all(self, page: CountedPageRequest, name: str | None = None) -> schemas.ItemListResponse:
        """Return one page, newest first, and the total; with `name`, only items with exactly this name."""
        statement = narrow(select(Item), {Item.name: name})
        found = await paginate_counted(
            self._reading,
            statement,
            [Item.created_at, Item.id],
            page=page,
            convert=schemas.Item.model_validate,
        )
        return schemas.ItemListResponse(items=found.items, total=found.total, next_cursor=found.next_cursor)

    async def get_by_id(self, item_id: uuid.UUID) -> Item | None:
        """Return an item, or None when it does not exist."""
        found: Item | None = await self._reading.scalar(select(Item).where(Item.id == item_id))
        return found


class ItemRepository(ItemReader):
    """Reads and changes items."""

    def __init__(self, session: TenantSession) -> None:
        super().__init__(session)
        self._session = session

    async def create(self, item_in: schemas.ItemCreate) -> Item:
        """Insert an item; the database makes its id and its times."""
        statement = insert(Item).values(item_in.model_dump()).returning(Item)
        return (await self._session.scalars(statement)).one()

    async def update(
        self, item_id: uuid.UUID, item_in: schemas.ItemUpdate, condition: etag.Precondition = ANY_VERSION
    ) -> Item | None:
        """Change an item; return None when it does not exist or has another version. Without changes, only read it."""
        wanted = (Item.id == item_id, condition.holds_for(Item.updated_at))
        values = item_in.changes()
        if not values:
            return (await self._session.scalars(select(Item).where(*wanted))).one_or_none()
        statement = update(Item).where(*wanted).values(values).returning(Item)
        return (await self._session.scalars(statement)).one_or_none()

    async def delete(self, item_id: uuid.UUID, condition: etag.Precondition = ANY_VERSION) -> bool:
        """Delete an item; return False when it does not exist or has another version."""
        wanted = (Item.id == item_id, condition.holds_for(Item.updated_at))
        return (await self._session.scalars(delete(Item).where(*wanted).returning(Item.id))).one_or_none() is not None
