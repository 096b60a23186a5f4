"""The tables of the Items service, which has no tenants.

`items` has the names of the service's story. `idempotency_keys` stores the answers to requests that create items.
"""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import conv

from tenantry import Global, IdempotencyRecord, TenantBase, Timestamps

__all__ = ["Base", "CreationKey", "Item"]


class Base(TenantBase, DeclarativeBase):
    """The service has no tenants."""


class Item(Global, Timestamps, Base):
    """An item; `updated_at` is also its version."""

    __tablename__ = "items"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="items_pkey"),
        # `conv` keeps the name as it is: the naming convention would add a prefix.
        CheckConstraint("length(trim(name)) > 0", name=conv("items_name_not_empty")),
        Index("idx_items_name", "name"),
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)


Index("idx_items_created_at", Item.created_at.desc())


class CreationKey(IdempotencyRecord, Global, Base):
    """A request with an `Idempotency-Key` that created an item, and its answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("key"),)
