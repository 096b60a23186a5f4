"""Settings of the AI Agents service: variables with the prefix `AI_AGENTS_`."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi import TokenSettings, WebSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, TokenSettings, WebSettings):
    """The defaults of the pool are those of the story: 20 connections, 5 of them kept open, with a 5 s wait for one."""

    model_config = SettingsConfigDict(env_prefix="AI_AGENTS_")

    redis_url: SecretStr | None = Field(
        default=None, description="URL of the workers' Redis, redis://host:6379/0; when set, readiness checks it."
    )
