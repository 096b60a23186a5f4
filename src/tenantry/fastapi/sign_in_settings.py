"""What an operator sets about signing in; the settings of a service with users of its own inherit this.

    class Settings(DatabaseSettings, SignInSettings):
        model_config = SettingsConfigDict(env_prefix="ACCOUNTS_")

The parameters of argon2id are those that OWASP lists first (46 MiB, one pass, one lane): memory is what makes guessing
dear on a graphics card. Memory times threads is what a process takes at most.
"""

from __future__ import annotations

from pydantic import Field

from tenantry import errors
from tenantry.fastapi.tokens import TokenSettings
from tenantry.settings import DatabaseSettings

__all__ = ["SignInSettings", "sign_in_settings"]


class SignInSettings(TokenSettings):
    """How passwords are hashed, how attempts at them are slowed down, and how long the tokens for them are good."""

    token_lifetime: int = Field(default=3600, ge=60, le=86400, description="Seconds that a token is good.")

    password_memory: int = Field(default=47104, ge=8, le=4194304, description="KiB that one hash of argon2id takes.")
    password_passes: int = Field(default=1, ge=1, le=1000, description="Passes of argon2id over that memory.")
    password_threads: int = Field(default=2, ge=1, le=64, description="Passwords that a process hashes at a time.")
    password_queue: int = Field(
        default=64, ge=0, description="Passwords that may wait for their turn; further requests are answered 503."
    )
    password_shortest: int = Field(
        default=8, ge=8, le=64, description="Characters that a new password has at least; 15 follows NIST's revision 4."
    )
    sign_in_free_attempts: int = Field(
        default=5, ge=1, le=100, description="Attempts at a password before a wait; a right one sets it back."
    )
    sign_in_first_wait: float = Field(
        default=1.0, gt=0, le=3600, description="Seconds to wait after these; they double with each further attempt."
    )
    sign_in_longest_wait: float = Field(
        default=900.0, gt=0, le=86400, description="Seconds beyond which that wait does not grow."
    )


def sign_in_settings(settings: DatabaseSettings) -> SignInSettings:
    """Return a service's settings as those of one that signs in.

    Raises:
        ConfigurationError: its class does not inherit them.
    """
    if not isinstance(settings, SignInSettings):
        raise errors.ConfigurationError(f"{type(settings).__name__} does not inherit SignInSettings.")
    return settings
