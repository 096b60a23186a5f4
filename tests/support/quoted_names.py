"""A schema whose names must be quoted, and whose tables have few columns: boxes in which tenants keep things.

Tenants are numbers that PostgreSQL generates. A tenant's own row has no other column.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import ClassVar

from pydantic_settings import SettingsConfigDict
from sqlalchemy import (
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, Roles, Service, Tenancy, TenantBase, TenantRoot, TenantScoped


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="tenant", type=Integer())


class Order(TenantRoot, Base):
    """A reserved word, a capital, and a column that is all there is."""

    __tablename__ = "Order"
    __tenant_key__: ClassVar[str] = "No"
    __privileges__ = ("DELETE", "INSERT", "SELECT", "UPDATE")
    No: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)


class Only(TenantScoped, Base):
    """One row a tenant, and no column but the tenant's."""

    __tablename__ = "only"
    __table_args__ = (ForeignKeyConstraint(["tenant"], ["Order.No"]), PrimaryKeyConstraint("tenant"))
    tenant: Mapped[int]


class Box(TenantScoped, Base):
    """Quotes of both kinds, a space, and the smallest of types."""

    __tablename__ = 'jack\'s "box"'
    __table_args__ = (PrimaryKeyConstraint("tenant", "a b"), UniqueConstraint("tenant", "own"))
    tenant: Mapped[int]
    number: Mapped[int] = mapped_column("a b", SmallInteger, autoincrement=False)
    code: Mapped[str | None] = mapped_column(String(3))
    own: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())


class Lid(TenantScoped, Base):
    """Its key is a reference, which is checked when the transaction ends, and cascades."""

    __tablename__ = "lids"
    __table_args__ = (
        PrimaryKeyConstraint("tenant", "box"),
        ForeignKeyConstraint(
            ["tenant", "box"],
            ['jack\'s "box".tenant', 'jack\'s "box".a b'],
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    tenant: Mapped[int]
    box: Mapped[int] = mapped_column(SmallInteger, autoincrement=False)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="QUOTED_NAMES_")


def make_service(folder: Path) -> Service:
    """Return the service."""
    roles = Roles("quoted_names_owner", "quoted_names_app", "quoted_names_admin")
    return Service(
        "quoted_names", Settings, metadata=Base.metadata, migrations=folder, app="quoted_names:app", roles=roles
    )
