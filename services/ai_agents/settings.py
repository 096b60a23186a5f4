"""The variables of the AI Agents service: those of the toolkit under the prefix `AI_AGENTS_`, and a Redis."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi.settings import WebSettings
from tenantry.fastapi.tokens import TokenSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, TokenSettings, WebSettings):
    """The pool's defaults are the story's: 20 connections, of which 5 are kept; 5 s for one, 30 s to open one."""

    model_config = SettingsConfigDict(env_prefix="AI_AGENTS_")

    redis_url: SecretStr | None = Field(
        default=None, description="The Redis of the workers, redis://host:6379/0; when set, readiness asks it too."
    )
