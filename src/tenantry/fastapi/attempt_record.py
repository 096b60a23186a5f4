"""The table in which a service counts attempts at secrets.

    class SignInAttempt(AttemptRecord, Base):
        __tablename__ = "sign_in_attempts"

It stands apart from `attempts`, because models are also loaded where no web is served.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from tenantry.tenancy.declarations import Global

__all__ = ["AttemptRecord"]

SHA256_DIGITS = 64


class AttemptRecord(Global):
    """Mixin: a subject at whose secret somebody tried in vain of late. It has no tenant; see `attempts` for why."""

    key: Mapped[str] = mapped_column(String(SHA256_DIGITS), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
