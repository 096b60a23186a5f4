"""A wiki: spaces, pages in trees with versions, comments in threads, attachments, permissions, labels."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship

from tenantry import TenantBase, TenantScoped, Timestamps

PERMISSION = Enum("view", "comment", "edit", "admin", name="permission")


class Base(TenantBase, DeclarativeBase):
    pass


class Authored:
    """Who made a row, and who changed it."""

    @declared_attr
    def created_by(self) -> Mapped[uuid.UUID | None]:
        return mapped_column(ForeignKey("members.id", ondelete="SET NULL"))


class Member(TenantScoped, Timestamps, Base):
    __tablename__ = "members"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    handle: Mapped[str] = mapped_column(String(40))
    avatar: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class Space(TenantScoped, Timestamps, Authored, Base):
    __tablename__ = "spaces"
    __table_args__ = (UniqueConstraint("tenant_id", "key"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    key: Mapped[str] = mapped_column(String(10))
    name: Mapped[str]
    home_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("pages.id", ondelete="SET NULL", use_alter=True, name="fk_spaces_home")
    )
    home: Mapped[Page | None] = relationship(foreign_keys=[home_id], post_update=True)
    pages: Mapped[list[Page]] = relationship(back_populates="space", foreign_keys="Page.space_id")


class Page(TenantScoped, Timestamps, Authored, Base):
    __tablename__ = "pages"
    __table_args__ = (
        Index("ix_pages_title_search", func.to_tsvector(text("'simple'"), text("title")), postgresql_using="gin"),
        Index("uq_pages_title", "tenant_id", "space_id", "title", unique=True, postgresql_where=text("NOT archived")),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    space_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(255))
    archived: Mapped[bool] = mapped_column(server_default=text("false"))
    space: Mapped[Space] = relationship(back_populates="pages", foreign_keys=[space_id])
    parent: Mapped[Page | None] = relationship(back_populates="children", remote_side=[id])
    children: Mapped[list[Page]] = relationship(back_populates="parent")
    versions: Mapped[list[PageVersion]] = relationship(back_populates="page", order_by="PageVersion.number")


class PageVersion(TenantScoped, Timestamps, Authored, Base):
    __tablename__ = "page_versions"
    page_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    message: Mapped[str] = mapped_column(Text, server_default="")
    page: Mapped[Page] = relationship(back_populates="versions")


class Comment(TenantScoped, Timestamps, Authored, Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    page_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), index=True)
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    anchor: Mapped[str | None] = mapped_column(comment="A selector, such as 'p:nth-child(2)'; 100% optional")


class Attachment(TenantScoped, Timestamps, Base):
    __tablename__ = "attachments"
    __table_args__ = (CheckConstraint("file_name NOT LIKE '%/%'", name="no_path"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    page_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)


class SpacePermission(TenantScoped, Base):
    __tablename__ = "space_permissions"
    space_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(PERMISSION, server_default="view")


class ShareLink(TenantScoped, Timestamps, Base):
    __tablename__ = "share_links"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    page_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    permission: Mapped[str] = mapped_column(PERMISSION, server_default="view")
