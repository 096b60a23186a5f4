"""What every service lets its operator set about its web side; a service's settings inherit this beside the database's.

class Settings(DatabaseSettings, TokenSettings, WebSettings):
    model_config = SettingsConfigDict(env_prefix="AI_AGENTS_")
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["WebSettings"]


class WebSettings(BaseModel):
    """Shutting down and logging."""

    drain_grace: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="Seconds between SIGTERM, when /readyz turns 503, and the end of accepting requests.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least grave records that are logged."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="One JSON object a line, or text for a person at a terminal."
    )
