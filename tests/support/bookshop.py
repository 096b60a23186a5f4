"""A small schema with every kind of declaration, for tests of the toolkit itself: publishers with authors and books."""

from __future__ import annotations

import uuid
from typing import Any

from declared_schema import create_declared
from pydantic_settings import SettingsConfigDict
from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import (
    Address,
    Database,
    DatabaseSettings,
    EncryptedText,
    KeyRing,
    Roles,
    Shared,
    TenantBase,
    TenantLookup,
    TenantRoot,
    TenantScoped,
    Timestamps,
)
from tenantry.postgres.connect import connect
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.sql import identifier
from tenantry.tenancy.objects import declared_objects

ROLES = Roles(owner="bookshop_owner", application="bookshop_app", admin="bookshop_admin")
KEYS = KeyRing.generate()


class Base(TenantBase, DeclarativeBase):
    pass


class Publisher(TenantRoot, Base):
    __tablename__ = "publishers"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True)
    token: Mapped[str | None] = mapped_column(EncryptedText())


class Author(TenantScoped, Base):
    __tablename__ = "authors"
    __lookups__ = (TenantLookup("email"), TenantLookup("token", where="t.name <> 'hidden'"))
    __table_args__ = (UniqueConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(String(255), unique=True)
    token: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.title")


class Book(TenantScoped, Timestamps, Base):
    __tablename__ = "books"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "author_id"], ["authors.tenant_id", "authors.id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "author_id"),
    )
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    author_id: Mapped[uuid.UUID]
    title: Mapped[str] = mapped_column(Text)
    pages: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    notes: Mapped[str | None] = mapped_column(EncryptedText())
    author: Mapped[Author] = relationship(back_populates="books")


class Reading(TenantScoped, Base):
    """A table in partitions."""

    __tablename__ = "readings"
    __partitions__ = 4
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "number"),)
    tenant_id: Mapped[str]
    number: Mapped[int]


class Currency(Shared, Base):
    __tablename__ = "currencies"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="BOOKSHOP_")


async def build(superuser: Address, metadata: MetaData = Base.metadata) -> None:
    """Make the roles, the tables and everything declared in the superuser's database; of other models where given."""
    connection = await connect(StaticSource(superuser), deadline=10, application_name="build")
    try:
        await ensure_roles(connection, ROLES)
    finally:
        await connection.close()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=_creator(superuser))
    try:
        async with engine.begin() as build:
            await build.exec_driver_sql(f"SET ROLE {identifier(ROLES.owner)}")
            await create_declared(build, metadata, declared_objects(metadata, ROLES) - set(ROLES))
    finally:
        await engine.dispose()


def _creator(address: Address) -> Any:
    async def create(*_args: Any, **_options: Any) -> Any:
        return await connect(StaticSource(address), deadline=10, application_name="build")

    return create


def settings_for(superuser: Address, **changes: Any) -> Settings:
    """Return settings whose application, migration and admin logins are three roles."""
    application = superuser.replace(user=ROLES.application)
    admin = superuser.replace(user=ROLES.admin)
    given = {"database_url": application.url, "admin_database_url": admin.url, "encryption_keys": KEYS.text}
    return Settings(**{**given, **changes})


def open_database(settings: Settings, roles: Roles = ROLES) -> Database:
    """Return the bookshop's database, ready for `async with`."""
    return Database(settings, metadata=Base.metadata, roles=roles, name="bookshop")
