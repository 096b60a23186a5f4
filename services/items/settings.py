"""Settings of the Items service: variables with the prefix `ITEMS_`, and the bare `DB_` variables of its story.

`DB_PASSWORD` alone is enough, because the other four parts have the story's defaults. The bare variables are ignored
when an `ITEMS_` variable gives the address, so that one process can run several services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi import WebSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, WebSettings):
    """The pool is that of the story: 5 connections kept open, 10 more under load, each replaced after 300 s."""

    model_config = SettingsConfigDict(env_prefix="ITEMS_")
    unprefixed: ClassVar[tuple[str, ...]] = ("db_host", "db_port", "db_name", "db_user", "db_password")
    default_parts: ClassVar[Mapping[str, str]] = {"host": "localhost", "dbname": "devops_demo", "user": "app_user"}

    database_max_overflow: int = Field(
        default=10, ge=0, description="Further connections that each process opens under load."
    )
    database_pool_recycle: float = Field(
        default=300.0,
        gt=0,
        allow_inf_nan=False,
        description="Maximum age of a connection, in seconds; reduced at random by up to 10 % for each connection.",
    )
