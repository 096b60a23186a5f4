"""The table in which a service remembers the answers to requests with an `Idempotency-Key`.

    class CreationKey(IdempotencyRecord, Global, Base):
        __tablename__ = "idempotency_keys"
        __table_args__ = (PrimaryKeyConstraint("key"),)

A table of tenants takes `PrimaryKeyConstraint("tenant_id", "key")`, so that no tenant meets the key of another. It
stands apart from `idempotency`, because models are also loaded where no web is served.
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
    """Mixin: a request that was made, and what was answered; the application needs all four privileges."""

    key: Mapped[str] = mapped_column(String(LONGEST_KEY), nullable=False)
    fingerprint: Mapped[str] = mapped_column(String(SHA256_DIGITS), nullable=False)
    # NULL only inside the transaction that answers.
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False, index=True)
