"""What signing in answers: a token, and how long it is good (RFC 6749, 5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from tenantry.fastapi.sign_in_settings import SignInSettings
from tenantry.fastapi.tokens import issue_token

__all__ = ["BearerToken"]


class BearerToken(BaseModel):
    """A token that this service issued; `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the scheme's name
    expires_in: int
    scope: str

    @classmethod
    def issue(
        cls,
        settings: SignInSettings,
        subject: object,
        tenant: object,
        scopes: Iterable[str],
        issued_at: datetime | None = None,
    ) -> BearerToken:
        """Return a token that is good for as long as the settings say.

        `issued_at` is the present, unless what the token rests on was looked at before.
        """
        scope, seconds = sorted(scopes), settings.token_lifetime
        dated = None if issued_at is None else {"iat": issued_at.timestamp()}
        token = issue_token(
            settings, str(subject), str(tenant), scope, lifetime=timedelta(seconds=seconds), further=dated
        )
        return cls(access_token=token, expires_in=seconds, scope=" ".join(scope))
