"""The bearer token that signing in returns, with its lifetime (RFC 6749, 5.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from accounts.models import User
from accounts.settings import Settings
from tenantry.fastapi import issue_token

__all__ = ["BearerToken"]


class BearerToken(BaseModel):
    """A token that this service issued; `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the scheme's name
    expires_in: int
    scope: str

    @classmethod
    def issue(cls, settings: Settings, user: User, issued_at: datetime) -> BearerToken:
        """Return a token of the user, with the user's roles as its scope.

        `issued_at` is the time before the user's password was read, so that a later change of the password makes the
        token invalid.
        """
        scope, seconds = sorted(user.roles), settings.token_lifetime
        token = issue_token(
            settings,
            str(user.id),
            str(user.tenant_id),
            scope,
            lifetime=timedelta(seconds=seconds),
            further={"iat": issued_at.timestamp()},
        )
        return cls(access_token=token, expires_in=seconds, scope=" ".join(scope))
