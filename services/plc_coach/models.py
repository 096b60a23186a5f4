"""The tables of the PLC Coach service, column by column as its story lists them; the tenant is the organisation.

Four tables are the story's. `identity_assertions` is what refuses an assertion that is used twice, and
`message_embeddings` what messages are found by: in partitions, so that a search meets few rows of other organisations.
References carry the organisation, because referential checks pass row security by.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import CreatedAt, Tenancy, TenantBase, TenantLookup, TenantScoped, Timestamps
from tenantry.fastapi.assertion_record import AssertionRecord
from tenantry.fastapi.embedding_record import EmbeddingRecord, by_direction
from tenantry.fastapi.identity_record import IdentityRecord
from tenantry.fastapi.session_record import SessionRecord
from tenantry.fastapi.share_record import ShareRecord

__all__ = [
    "DIMENSIONS",
    "Base",
    "Conversation",
    "IdentityAssertion",
    "Message",
    "MessageEmbedding",
    "User",
    "UserSession",
]

DIMENSIONS = 384

_NEW_ID = text("gen_random_uuid()")


def _belongs_to(table: str, column: str) -> ForeignKeyConstraint:
    """Refer to a row of the same organisation, and go with it when it goes."""
    ours, theirs = ["organization_id", column], [f"{table}.organization_id", f"{table}.id"]
    return ForeignKeyConstraint(ours, theirs, ondelete="CASCADE")


class Base(TenantBase, DeclarativeBase):
    """Organisations are told apart by `organization_id uuid`."""

    tenancy = Tenancy(column="organization_id", type=Uuid(), setting="app.current_tenant_id")


class User(IdentityRecord, CreatedAt, Base):
    """Somebody who signs in through an identity provider."""

    __tablename__ = "users"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")
    __lookups__ = (TenantLookup("email"),)
    __table_args__ = (
        CheckConstraint("role IN ('educator', 'coach', 'admin')", name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("(sso_provider IS NULL) = (sso_id IS NULL)", name="sso"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "sso_provider", "sso_id"),
        Index("idx_users_email", "email", unique=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    role: Mapped[str] = mapped_column(String(20), server_default="educator")
    organization_id: Mapped[uuid.UUID]


class UserSession(SessionRecord, Base):
    """A session; who knows its id is its user until it expires."""

    __tablename__ = "sessions"
    __lookups__ = (TenantLookup("id", where="t.expires_at > now()"),)
    __table_args__ = (
        _belongs_to("users", "user_id"),
        Index(None, "organization_id", "user_id"),
        # Not partial: no index's predicate may ask for the time. The key answers by itself who is still signed in.
        PrimaryKeyConstraint("id", name="idx_sessions_id", postgresql_include=["expires_at", "organization_id"]),
        Index("idx_sessions_expires_at", "expires_at"),
    )


class Conversation(ShareRecord, Timestamps, Base):
    """A user's conversation; its token opens it to everybody while `share_enabled`."""

    __tablename__ = "conversations"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012
    __lookups__ = (TenantLookup("share_token", where="t.share_enabled"),)
    __table_args__ = (
        CheckConstraint("status IN ('active', 'archived')", name="status"),
        CheckConstraint("NOT share_enabled OR share_token IS NOT NULL", name="share"),
        _belongs_to("users", "user_id"),
        UniqueConstraint("organization_id", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index("idx_conversations_user", "user_id"),
        Index("idx_conversations_share_token", "share_token", unique=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    organization_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    title: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20), server_default="active")


class Message(TenantScoped, Base):
    """One message; what it cites, what it cost, and how it was liked."""

    __tablename__ = "messages"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")
    __table_args__ = (
        CheckConstraint("role IN ('user', 'assistant', 'system')", name="role"),
        CheckConstraint("feedback_score BETWEEN 1 AND 5", name="feedback_score"),
        CheckConstraint("input_tokens >= 0 AND output_tokens >= 0 AND cost_usd >= 0", name="counts"),
        _belongs_to("conversations", "conversation_id"),
        UniqueConstraint("organization_id", "id"),
        Index("idx_messages_conversation", "conversation_id", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    organization_id: Mapped[uuid.UUID]
    conversation_id: Mapped[uuid.UUID]
    role: Mapped[str] = mapped_column(String(20))
    content: Mapped[str] = mapped_column(Text)
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    feedback_score: Mapped[int | None]
    input_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    output_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default=text("0"))
    # The clock and not now(), which stands still within a transaction: messages keep the order they were written in.
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


class MessageEmbedding(EmbeddingRecord, Base):
    """Where a message stands in the space that searches look in."""

    __tablename__ = "message_embeddings"
    __dimensions__ = DIMENSIONS
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "message_id"),
        _belongs_to("messages", "message_id"),
        *by_direction("idx_message_embeddings_embedding"),
    )

    message_id: Mapped[uuid.UUID]


class IdentityAssertion(AssertionRecord, Base):
    """An assertion that was used; its key is what refuses it a second time."""

    __tablename__ = "identity_assertions"
    __table_args__ = (PrimaryKeyConstraint("organization_id", "id"),)
