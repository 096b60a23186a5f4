"""Team chat: channels of several kinds, messages in hash partitions, reactions, read marks, files."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import CreatedAt, Tenancy, TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="workspace_id")


class ChannelKind(enum.Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


class User(TenantScoped, Timestamps, Base):
    __tablename__ = "user"
    __table_args__ = (UniqueConstraint("workspace_id", "displayName"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    display_name: Mapped[str] = mapped_column("displayName", String(80))
    presence: Mapped[str] = mapped_column(String(10), server_default="away")


class Channel(TenantScoped, Timestamps, Base):
    __tablename__ = "channel"
    __table_args__ = (
        Index("uq_channel_name", "workspace_id", "name", unique=True, postgresql_where=text("kind <> 'DIRECT'")),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    kind: Mapped[ChannelKind] = mapped_column(Enum(ChannelKind, name="channelKind"))
    name: Mapped[str | None] = mapped_column(String(80))
    topic: Mapped[str] = mapped_column(Text, server_default="")
    members: Mapped[list[Member]] = relationship(back_populates="channel")


class Member(TenantScoped, CreatedAt, Base):
    __tablename__ = "member"
    channel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    last_read: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    muted: Mapped[bool] = mapped_column(server_default=text("false"))
    channel: Mapped[Channel] = relationship(back_populates="members")
    user: Mapped[User] = relationship()


class Message(TenantScoped, Timestamps, Base):
    __tablename__ = "message"
    __partitions__ = 2
    __table_args__ = (
        PrimaryKeyConstraint("workspace_id", "id"),
        ForeignKeyConstraint(
            ["workspace_id", "channel_id"], ["channel.workspace_id", "channel.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["workspace_id", "author_id"], ["user.workspace_id", "user.id"]),
        Index("ix_message_history", "workspace_id", "channel_id", text("id DESC")),
        Index("ix_message_text", func.to_tsvector(text("'english'"), text('"text"')), postgresql_using="gin"),
    )
    workspace_id: Mapped[str]
    id: Mapped[int] = mapped_column(BigInteger, autoincrement=True)
    channel_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID]
    text: Mapped[str] = mapped_column(Text)
    mentions: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Text), server_default="{}")
    blocks: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")


class Reaction(TenantScoped, CreatedAt, Base):
    __tablename__ = "reaction"
    __table_args__ = (
        PrimaryKeyConstraint("workspace_id", "message_id", "user_id", "emoji"),
        ForeignKeyConstraint(
            ["workspace_id", "message_id"], ["message.workspace_id", "message.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["workspace_id", "user_id"], ["user.workspace_id", "user.id"], ondelete="CASCADE"),
    )
    workspace_id: Mapped[str]
    message_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[uuid.UUID]
    emoji: Mapped[str] = mapped_column(String(40))


class File(TenantScoped, CreatedAt, Base):
    __tablename__ = "file"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    uploader_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    name: Mapped[str]
    mime: Mapped[str] = mapped_column(String(100), server_default="application/octet-stream")
    size: Mapped[int] = mapped_column(BigInteger)
    uploader: Mapped[User | None] = relationship()
