"""Settings of the PLC Coach service: variables with the prefix `PLC_COACH_`, and a bare `DATABASE_URL`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tenantry import Database, DatabaseSettings
from tenantry.fastapi import TokenSettings, WebSettings

__all__ = ["Settings", "settings_of"]


class Settings(DatabaseSettings, TokenSettings, WebSettings):
    """The defaults of the pool are the story's 20 connections. The tokens are assertions of the identity service."""

    unprefixed: ClassVar[tuple[str, ...]] = ("database_url", "database_secret")
    model_config = SettingsConfigDict(env_prefix="PLC_COACH_")

    jwt_audience: str | None = Field(default="plc-coach", description="Required `aud` of an assertion.")
    assertion_lifetime: int = Field(
        default=300, ge=1, le=3600, description="Maximum remaining lifetime of an assertion, in seconds."
    )
    session_lifetime: int = Field(
        default=28800,
        ge=60,
        le=2592000,
        description="Lifetime of a session after it began or was refreshed, in seconds.",
    )
    session_longest: int = Field(
        default=604800, ge=60, le=31536000, description="Maximum age of a session, in seconds."
    )


def settings_of(database: Database) -> Settings:
    """Return the settings that the service's database was opened with."""
    assert isinstance(database.settings, Settings)
    return database.settings
