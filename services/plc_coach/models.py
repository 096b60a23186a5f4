"""The tables of the PLC Coach service; the tenant is the organisation.

`users`, `sessions`, `conversations` and `messages` have the columns of the service's story. The service adds two
tables. `identity_assertions` refuses an assertion that is used twice. `message_embeddings` serves the search; it is
partitioned by organisation, so that a search reads few rows of other organisations. Foreign keys include the
organisation, because PostgreSQL checks them without row security.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pgvector.sqlalchemy import VECTOR
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

__all__ = [
    "ASSERTION_ID_LENGTH",
    "DIMENSIONS",
    "SHARE_TOKEN_LENGTH",
    "Base",
    "Conversation",
    "IdentityAssertion",
    "Message",
    "MessageEmbedding",
    "User",
    "UserSession",
]

DIMENSIONS = 384
ASSERTION_ID_LENGTH = 200
SHARE_TOKEN_LENGTH = 64
# As text these are 43 characters, too many to guess.
SHARE_TOKEN_BYTES = 32

_NEW_ID = text("gen_random_uuid()")


def _belongs_to(table: str, column: str) -> ForeignKeyConstraint:
    """Reference a row of the same organisation; deleting it deletes this row too."""
    ours, theirs = ["organization_id", column], [f"{table}.organization_id", f"{table}.id"]
    return ForeignKeyConstraint(ours, theirs, ondelete="CASCADE")


class Base(TenantBase, DeclarativeBase):
    """The tenant column is `organization_id uuid`."""

    tenancy = Tenancy(column="organization_id", type=Uuid(), setting="app.current_tenant_id")


class User(TenantScoped, CreatedAt, Base):
    """A user of an identity provider. A user that was inserted by hand has no identity until the first sign-in."""

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
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), server_default="educator")
    organization_id: Mapped[uuid.UUID]
    sso_provider: Mapped[str | None] = mapped_column(String(50))
    sso_id: Mapped[str | None] = mapped_column(String(255))
    last_login: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), sort_order=901)


class UserSession(TenantScoped, CreatedAt, Base):
    """A session of a user. Its id is a random credential, which the database generates."""

    __tablename__ = "sessions"
    __lookups__ = (TenantLookup("id", where="t.expires_at > now()"),)
    __table_args__ = (
        _belongs_to("users", "user_id"),
        Index(None, "organization_id", "user_id"),
        # Not a partial index: its predicate could not use the time. The included columns answer the lookup alone.
        PrimaryKeyConstraint("id", name="idx_sessions_id", postgresql_include=["expires_at", "organization_id"]),
        Index("idx_sessions_expires_at", "expires_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=_NEW_ID)
    organization_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_accessed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), sort_order=901
    )


class Conversation(TenantScoped, Timestamps, Base):
    """A conversation of a user; while `share_enabled`, anyone with its token can read it."""

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
    share_token: Mapped[str | None] = mapped_column(String(SHARE_TOKEN_LENGTH), sort_order=902)
    share_enabled: Mapped[bool] = mapped_column(server_default=text("false"), sort_order=903)

    def share(self) -> str:
        """Enable sharing, and return the token; it stays the same until sharing is disabled.

        Enabling again makes a new token, so that an old link stays invalid.
        """
        if not self.share_enabled or self.share_token is None:
            self.share_token, self.share_enabled = secrets.token_urlsafe(SHARE_TOKEN_BYTES), True
        return self.share_token

    def unshare(self) -> None:
        """Disable sharing; the token is invalid from then on."""
        self.share_enabled = False


class Message(TenantScoped, Base):
    """One message, with its citations, its cost and its feedback."""

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
    # clock_timestamp(), because now() is the same within a transaction and would not keep the order of messages.
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


class MessageEmbedding(TenantScoped, CreatedAt, Base):
    """The embedding of a message.

    All rows of an organisation are in one of the partitions, and each partition has its own HNSW index
    (docs/decisions/0012).
    """

    __tablename__ = "message_embeddings"
    __partitions__: ClassVar[int] = 32
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "message_id"),
        _belongs_to("messages", "message_id"),
        # The index leaves out a vector without a direction, so a search would never find it.
        CheckConstraint("vector_norm(embedding) > 0", name="direction"),
        Index(
            "idx_message_embeddings_embedding",
            "embedding",
            postgresql_using="hnsw",
            postgresql_ops={"embedding": "vector_cosine_ops"},
        ),
    )

    organization_id: Mapped[uuid.UUID]
    message_id: Mapped[uuid.UUID]
    embedding: Mapped[list[float]] = mapped_column(VECTOR(DIMENSIONS))


class IdentityAssertion(TenantScoped, Base):
    """An assertion that was used; the primary key refuses it a second time. A row is never updated."""

    __tablename__ = "identity_assertions"
    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT")
    __table_args__ = (PrimaryKeyConstraint("organization_id", "id"),)

    organization_id: Mapped[uuid.UUID]
    id: Mapped[str] = mapped_column(String(ASSERTION_ID_LENGTH))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
