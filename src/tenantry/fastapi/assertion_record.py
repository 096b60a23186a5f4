"""The table in which a service remembers which assertions were used; see `assertions`.

    class UsedAssertion(AssertionRecord, Base):
        __tablename__ = "used_assertions"
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)

It stands apart from `assertions`, because models are also loaded where no web is served.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from tenantry.tenancy.declarations import TenantScoped

__all__ = ["LONGEST_ID", "AssertionRecord"]

LONGEST_ID = 200


class AssertionRecord(TenantScoped):
    """Mixin: an assertion that was used. It is never changed, only forgotten."""

    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT")

    id: Mapped[str] = mapped_column(String(LONGEST_ID), nullable=False)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False)
