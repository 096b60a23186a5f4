"""Settings of every service for its HTTP server and its logs; a service's settings inherit them.

class Settings(DatabaseSettings, TokenSettings, WebSettings):
    model_config = SettingsConfigDict(env_prefix="AI_AGENTS_")
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["WebSettings"]


class WebSettings(BaseModel):
    """Settings for the HTTP server and the logs."""

    allowed_hosts: str = Field(
        default="*",
        description="Names that the Host header may have, with commas; `*.example.com` is any below it, `*` is any.",
    )
    api_docs: bool = Field(default=True, description="Whether /docs and /openapi.json are served.")

    drain_grace: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="Grace period after SIGTERM, in seconds: /readyz answers 503, and requests are still served.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="Format of the logs: one JSON object per line, or text for a terminal."
    )
