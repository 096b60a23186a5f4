"""The variables of the Items service, with the prefix `ITEMS_`; those of the address also as the story has them.

`DB_PASSWORD` alone is enough: the other four parts have the story's defaults. Of the bare names nothing is read where
an `ITEMS_` variable says where the database is, so that a process with several services can tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings
from tenantry.fastapi.settings import WebSettings

__all__ = ["Settings"]


class Settings(DatabaseSettings, WebSettings):
    """The pool is the story's: 5 connections that are kept, 10 more under load, each replaced after 300 s."""

    model_config = SettingsConfigDict(env_prefix="ITEMS_")
    unprefixed: ClassVar[tuple[str, ...]] = ("db_host", "db_port", "db_name", "db_user", "db_password")
    default_parts: ClassVar[Mapping[str, str]] = {"host": "localhost", "dbname": "devops_demo", "user": "app_user"}

    database_max_overflow: int = Field(default=10, ge=0, description="Connections opened beyond those under load.")
    database_pool_recycle: float = Field(
        default=300.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds after which a connection is replaced, up to a tenth earlier at random.",
    )
