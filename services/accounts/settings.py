"""Settings of the Accounts service: variables with the prefix `ACCOUNTS_`, and a bare `DATABASE_URL`.

The defaults of argon2id are the first choice of OWASP (46 MiB, one pass, one lane). Memory makes guessing expensive on
a graphics card. One process uses at most `password_memory` times `password_threads` for hashing.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from tenantry import Database, DatabaseSettings
from tenantry.fastapi import TokenSettings, WebSettings

__all__ = ["Settings", "settings_of"]


class Settings(DatabaseSettings, TokenSettings, WebSettings):
    """The service issues its tokens itself and needs `jwt_secret`; other services verify them with the same secret."""

    unprefixed: ClassVar[tuple[str, ...]] = ("database_url",)
    model_config = SettingsConfigDict(env_prefix="ACCOUNTS_")

    token_lifetime: int = Field(default=3600, ge=60, le=86400, description="Lifetime of a token, in seconds.")
    password_memory: int = Field(default=47104, ge=8, le=4194304, description="Memory of one argon2id hash, in KiB.")
    password_passes: int = Field(default=1, ge=1, le=1000, description="Number of argon2id passes over that memory.")
    password_threads: int = Field(
        default=2, ge=1, le=64, description="Number of passwords that one process hashes at the same time."
    )
    password_queue: int = Field(
        default=64, ge=0, description="Number of passwords that may wait for a thread; further requests get 503."
    )
    password_shortest: int = Field(
        default=8,
        ge=8,
        le=64,
        description="Minimum length of a new password, in characters; NIST SP 800-63B revision 4 asks for 15.",
    )
    sign_in_free_attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Number of attempts at a password before the first wait; a correct password resets the count.",
    )
    sign_in_first_wait: float = Field(
        default=1.0, gt=0, le=3600, description="First wait, in seconds; each further attempt doubles it."
    )
    sign_in_longest_wait: float = Field(default=900.0, gt=0, le=86400, description="Maximum wait, in seconds.")


def settings_of(database: Database) -> Settings:
    """Return the settings that the service's database was opened with."""
    assert isinstance(database.settings, Settings)
    return database.settings
