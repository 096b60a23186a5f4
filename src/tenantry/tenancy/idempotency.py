"""The table of requests with an `Idempotency-Key` and their answers, for `tenantry.fastapi.idempotency`.

    class CreationKey(IdempotencyRecord, Global, Base):
        __tablename__ = "idempotency_keys"
        __table_args__ = (PrimaryKeyConstraint("key"),)

A `TenantScoped` table has `PrimaryKeyConstraint("tenant_id", "key")`, so that tenants can use the same key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

__all__ = ["LONGEST_KEY", "IdempotencyRecord"]

LONGEST_KEY = 255
SHA256_DIGITS = 64


class IdempotencyRecord:
    """Mixin for a table of requests and their answers; the application needs all four privileges on it."""

    key: Mapped[str] = mapped_column(String(LONGEST_KEY), nullable=False)
    fingerprint: Mapped[str] = mapped_column(String(SHA256_DIGITS), nullable=False)
    # NULL only inside the transaction that does the work.
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False, index=True)
