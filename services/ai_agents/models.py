"""The tables of the AI Agents service. `tenant_configs` and `enhancement_history` have the columns of its story.

The service adds `webhook_deliveries`, which refuses a webhook that is sent twice. The secrets of a tenant are
encrypted, and only a query that names them loads them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, DateTime, Index, PrimaryKeyConstraint, String, Text, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import CreatedAt, EncryptedText, Tenancy, TenantBase, TenantRoot, TenantScoped, Timestamps

__all__ = ["STATUSES", "Base", "EnhancementHistory", "TenantConfig", "WebhookDelivery"]

STATUSES = ("pending", "completed", "failed")

_NEW_ID = text("gen_random_uuid()")


class Base(TenantBase, DeclarativeBase):
    """The tenant column is `tenant_id varchar(100)`."""

    tenancy = Tenancy(column="tenant_id", type=String(100), setting="app.current_tenant_id")


class TenantConfig(TenantRoot, Timestamps, Base):
    """The service desk of one tenant, and the tenant's preferences."""

    __tablename__ = "tenant_configs"
    # A tenant creates its own row: the token names the tenant, and the policy allows it to write this row only.
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True, index=True)
    name: Mapped[str] = mapped_column(String(255))
    servicedesk_url: Mapped[str] = mapped_column(String(500))
    servicedesk_api_key: Mapped[str] = mapped_column(
        "servicedesk_api_key_encrypted", EncryptedText(), deferred=True, deferred_raiseload=True
    )
    webhook_signing_secret: Mapped[str] = mapped_column(
        "webhook_signing_secret_encrypted", EncryptedText(), deferred=True, deferred_raiseload=True
    )
    # Written as PostgreSQL prints it: Alembic compares another spelling with the operator =, which json does not have.
    enhancement_preferences: Mapped[dict[str, Any]] = mapped_column(JSON, server_default=text("'{}'::json"))


class EnhancementHistory(TenantScoped, CreatedAt, Base):
    """One enhancement of one ticket: requested, then completed or failed."""

    __tablename__ = "enhancement_history"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'completed', 'failed')", name="status"),
        Index(None, "tenant_id"),
        Index(None, "tenant_id", "ticket_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    tenant_id: Mapped[str]
    ticket_id: Mapped[str] = mapped_column(String(100), index=True)
    status: Mapped[str] = mapped_column(String(50), index=True)
    context_gathered: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    llm_output: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    processing_time_ms: Mapped[int | None]
    # The story lists it after created_at.
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), sort_order=901)


class WebhookDelivery(TenantScoped, Base):
    """A webhook that was accepted; the primary key refuses the same delivery a second time."""

    __tablename__ = "webhook_deliveries"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT")
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "delivery_id"),)

    tenant_id: Mapped[str]
    delivery_id: Mapped[str] = mapped_column(String(200))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
