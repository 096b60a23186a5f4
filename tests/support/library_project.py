"""The module of a project in which everything that can be named after a table or a column is named after one."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

from shop_project import Project

__all__ = ["MODULE", "change_models"]

MODULE = """
from __future__ import annotations

import uuid
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, String
from sqlalchemy import Text, UniqueConstraint, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, Roles, Service, Shared, Tenancy, TenantBase, TenantLookup, TenantRoot
from tenantry import TenantScoped, Timestamps

ROLES = Roles("{prefix}_owner", "{prefix}_app", "{prefix}_admin")


class Base(TenantBase, DeclarativeBase):
    pass


class Library(TenantRoot, Base):
    __tablename__ = "libraries"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True)


class Book(TenantScoped, Timestamps, Base):
    __tablename__ = "books"
    __lookups__ = (TenantLookup("isbn"),)
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "isbn"),
        CheckConstraint("length(isbn) > 3", name="isbn_length"),
        Index(None, "tenant_id", "isbn", "pages", postgresql_where=text("isbn <> ''")),
    )
    tenant_id: Mapped[str]
    number: Mapped[int] = mapped_column(Integer, autoincrement=True)
    isbn: Mapped[str] = mapped_column(String(20), unique=True)
    pages: Mapped[int | None]


class Loan(TenantScoped, Base):
    __tablename__ = "loans"
    __partitions__ = 2
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "number"),
        ForeignKeyConstraint(["tenant_id", "book"], ["books.tenant_id", "books.number"]),
        Index(None, "tenant_id", "book"),
    )
    tenant_id: Mapped[str]
    number: Mapped[int]
    book: Mapped[int]


class Language(Shared, Base):
    __tablename__ = "languages"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")


service = Service(
    name="{database}",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="{module}:app",
    roles=ROLES,
)
"""


def change_models(shop: Project, *replacements: tuple[str, str]) -> None:
    """Edit the module as a developer does, and load it again."""
    path = Path(str(shop.module.__file__))
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    # An edit within the same second would find the compiled file of before.
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    importlib.invalidate_caches()
    shop.module = importlib.reload(shop.module)
