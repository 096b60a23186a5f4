"""The variables of the PLC Coach service: the toolkit's under the prefix `PLC_COACH_`, and a bare `DATABASE_URL`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi.assertions import AssertionSettings
from tenantry.fastapi.sessions import SessionSettings
from tenantry.fastapi.settings import WebSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, AssertionSettings, SessionSettings, WebSettings):
    """The pool's defaults are the story's 20 connections. The tokens are the identity service's assertions."""

    unprefixed: ClassVar[tuple[str, ...]] = ("database_url", "database_secret")
    model_config = SettingsConfigDict(env_prefix="PLC_COACH_")

    jwt_audience: str | None = Field(default="plc-coach", description="The `aud` that an assertion must have.")
