"""A schema to attack: firms with workers, shelves and parcels, all privileges, and every kind of object.

The names of its roles differ in each run of the tests, because roles belong to the cluster and sabotage changes them.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import (
    DatabaseSettings,
    Global,
    Roles,
    Service,
    Shared,
    TenantBase,
    TenantLookup,
    TenantRoot,
    TenantScoped,
)


class Base(TenantBase, DeclarativeBase):
    pass


class Firm(TenantRoot, Base):
    __tablename__ = "firms"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True)


class Worker(TenantScoped, Base):
    __tablename__ = "workers"
    __lookups__ = (TenantLookup("email"),)
    __table_args__ = (UniqueConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    email: Mapped[str] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(Text)


class Shelf(TenantScoped, Base):
    __tablename__ = "shelves"
    __table_args__ = (UniqueConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    label: Mapped[str] = mapped_column(Text)


class Parcel(TenantScoped, Base):
    __tablename__ = "parcels"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "shelf_id"], ["shelves.tenant_id", "shelves.id"], ondelete="CASCADE", name="fk_parcels_shelf"
        ),
        Index(None, "tenant_id", "shelf_id"),
    )
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    shelf_id: Mapped[uuid.UUID]
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class Event(TenantScoped, Base):
    """A table in partitions."""

    __tablename__ = "events"
    __partitions__ = 2
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "number"),)
    tenant_id: Mapped[str]
    number: Mapped[int]


class Currency(Shared, Base):
    __tablename__ = "currencies"
    code: Mapped[str] = mapped_column(Text, primary_key=True)


class Visit(Global, Base):
    __tablename__ = "visits"
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="ATTACK_SCHEMA_")


def make_service(migrations: Path) -> Service:
    """Return the service; its migrations are a folder that nothing reads."""
    prefix = f"depot_{os.getpid()}"
    return Service(
        name="attack_schema",
        metadata=Base.metadata,
        settings=Settings,
        migrations=migrations,
        app="attack_schema:app",
        roles=Roles(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_admin"),
    )
