"""Columns of users who sign in through an identity provider; see `identities`.

    class User(IdentityRecord, CreatedAt, Base):
        __lookups__ = (TenantLookup("email"),)
        __table_args__ = (
            UniqueConstraint("email"),
            UniqueConstraint("tenant_id", "sso_provider", "sso_id"),
            CheckConstraint("(sso_provider IS NULL) = (sso_id IS NULL)", name="sso"),
        )

It stands apart from `identities`, because models are also loaded where no web is served.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from tenantry.tenancy.declarations import TenantScoped

__all__ = ["IdentityRecord"]


class IdentityRecord(TenantScoped):
    """Mixin: a user. Who was entered by hand has no identity until the first sign-in."""

    email: Mapped[str] = mapped_column(String(254), nullable=False)
    name: Mapped[str] = mapped_column(String(255), nullable=False)
    sso_provider: Mapped[str | None] = mapped_column(String(50))
    sso_id: Mapped[str | None] = mapped_column(String(255))
    last_login: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), sort_order=901)
