"""The tables of the Items service, none of which belongs to a tenant.

`items` is the story's, name by name. `idempotency_keys` remembers which creations were answered already.
"""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import conv

from tenantry import Global, TenantBase, Timestamps
from tenantry.tenancy.idempotency_record import IdempotencyRecord

__all__ = ["Base", "CreationKey", "Item"]


class Base(TenantBase, DeclarativeBase):
    """The service has no tenants."""


class Item(Global, Timestamps, Base):
    """A thing with a name; `updated_at` is also its version."""

    __tablename__ = "items"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="items_pkey"),
        # `conv` keeps the story's name from being put into the naming convention.
        CheckConstraint("length(trim(name)) > 0", name=conv("items_name_not_empty")),
        Index("idx_items_name", "name"),
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)


Index("idx_items_created_at", Item.created_at.desc())


class CreationKey(IdempotencyRecord, Global, Base):
    """A creation that was asked for with an `Idempotency-Key`, and its answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("key"),)
