"""The table of a service's sessions; see `sessions`.

    class UserSession(SessionRecord, Base):
        __tablename__ = "sessions"
        __lookups__ = (TenantLookup("id", where="t.expires_at > now()"),)
        __table_args__ = (PrimaryKeyConstraint("id"),)

It stands apart from `sessions`, because models are also loaded where no web is served.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import DateTime, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenantry.tenancy.declarations import TenantScoped
from tenantry.tenancy.timestamps import CreatedAt

__all__ = ["SessionRecord"]


class SessionRecord(TenantScoped, CreatedAt):
    """Mixin: a user's session. Its id is a credential, random and made by the database."""

    id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"), nullable=False)
    user_id: Mapped[uuid.UUID]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False)
    last_accessed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=901
    )
