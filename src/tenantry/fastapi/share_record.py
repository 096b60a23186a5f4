"""Columns of a row that everybody may read who knows its token; see `share_links`.

    class Conversation(ShareRecord, Base):
        __lookups__ = (TenantLookup("share_token", where="t.share_enabled"),)
        __table_args__ = (Index("idx_conversations_share_token", "share_token", unique=True),)

It stands apart from `share_links`, because models are also loaded where no web is served.
"""

from __future__ import annotations

import secrets

from sqlalchemy import String, text
from sqlalchemy.orm import Mapped, mapped_column

from tenantry.tenancy.declarations import TenantScoped

__all__ = ["LONGEST_TOKEN", "ShareRecord"]

LONGEST_TOKEN = 64
# 43 characters in the URL, and nothing that a guess could begin with.
TOKEN_BYTES = 32


class ShareRecord(TenantScoped):
    """Mixin: a row that can be shared by a link.

    The token of a row that is not shared any more stays unknown to everybody: switching on again makes another one, so
    that what was handed out before stays dead.
    """

    share_token: Mapped[str | None] = mapped_column(String(LONGEST_TOKEN), sort_order=902)
    share_enabled: Mapped[bool] = mapped_column(server_default=text("false"), nullable=False, sort_order=903)

    def share(self) -> str:
        """Switch sharing on, and return the token; it stays the same until sharing is switched off."""
        if not self.share_enabled or self.share_token is None:
            self.share_token, self.share_enabled = secrets.token_urlsafe(TOKEN_BYTES), True
        return self.share_token

    def unshare(self) -> None:
        """Switch sharing off; the token opens nothing from now on."""
        self.share_enabled = False
