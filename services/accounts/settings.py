"""The variables of the Accounts service: the toolkit's under the prefix `ACCOUNTS_`, and a bare `DATABASE_URL`."""

from __future__ import annotations

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi.settings import WebSettings
from tenantry.fastapi.sign_in_settings import SignInSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, SignInSettings, WebSettings):
    """The tokens are the service's own, so that it needs `jwt_secret`; others verify them with the same one."""

    unprefixed: ClassVar[tuple[str, ...]] = ("database_url",)
    model_config = SettingsConfigDict(env_prefix="ACCOUNTS_")
