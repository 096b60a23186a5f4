"""Bearer tokens: which ones a service accepts, and who is speaking then.

Invariant: the algorithm is ours to choose, never the token's. With a shared secret only HS256 is accepted; with a key
set only public-key algorithms, each bound to the type of its key. A token without an expiry is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from pydantic import BaseModel, Field, SecretStr, field_validator

from tenantry import errors
from tenantry.fastapi.key_set import KeySet, check_url

__all__ = [
    "InvalidToken",
    "Principal",
    "TokenSettings",
    "TokenVerifier",
    "issue_token",
    "token_verifier",
]

SHARED_ALGORITHM: Literal["HS256"] = "HS256"
# RFC 7518, 3.2: a key of the same size as the hash output, or larger.
SHORTEST_SECRET = 32
TENANT_CLAIM = "tenant_id"


class TokenSettings(BaseModel):
    """How bearer tokens are verified; a service's settings inherit this. Exactly one of secret and key set is given."""

    jwt_secret: SecretStr | None = Field(default=None, description="Shared secret of HS256 tokens, 32 bytes or more.")
    jwt_jwks_url: str | None = Field(default=None, description="Where the identity provider publishes its keys.")
    jwt_issuer: str | None = Field(default=None, description="The `iss` that a token must have, when set.")
    jwt_audience: str | None = Field(default=None, description="The `aud` that a token must have, when set.")

    @field_validator("jwt_jwks_url")
    @classmethod
    def _is_safe_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value)
        return value


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent the request: the token's subject, the tenant it works for, and what it may do.

    `issued_at` is when the token says that it was made, for services that take tokens back; None where it does not say.
    """

    subject: str
    tenant: str | None
    scopes: frozenset[str] = frozenset()
    issued_at: datetime | None = field(default=None, compare=False)


class InvalidToken(Exception):
    """A token that is not accepted; the text may be shown to its bearer."""


class TokenVerifier:
    """Turns a token into a `Principal`."""

    def __init__(self, keys: KeySet | SecretStr, *, issuer: str | None = None, audience: str | None = None) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Principal:
        """Return who speaks; see `claims`."""
        claims = await self.claims(token)
        try:
            return _principal(claims)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise InvalidToken("The token is not valid here.") from error

    async def claims(self, token: str) -> dict[str, Any]:
        """Return everything that a token says, for services to which it says more than who speaks.

        Raises:
            InvalidToken: expired, not yet valid, forged, for somebody else, or not a token.
            KeySetUnavailable: the identity provider's keys could not be fetched.
        """
        try:
            if isinstance(self._keys, SecretStr):
                return self._read(token, self._keys.get_secret_value(), [SHARED_ALGORITHM])
            key = await self._keys.key(_key_id(token))
            return self._read(token, key, [key.algorithm_name])
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("The token has expired.") from error
        except (jwt.PyJWTError, LookupError, TypeError, ValueError, OverflowError) as error:
            raise InvalidToken("The token is not valid here.") from error

    def _read(self, token: str, key: Any, algorithms: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=self._issuer,
            audience=self._audience,
            # A token for another audience is refused even where none is expected here. `iat` only informs.
            options={"require": ["exp", "sub"], "verify_iat": False},
        )
        return found


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject, tenant, scope = claims["sub"], claims.get(TENANT_CLAIM), claims.get("scope", "")
    if not isinstance(scope, str) or not isinstance(tenant, str | None) or not subject:
        raise ValueError("A claim is not of its type.")
    issued_at = datetime.fromtimestamp(claims["iat"], UTC) if "iat" in claims else None
    return Principal(subject, tenant or None, frozenset(scope.split()), issued_at)


def token_verifier(settings: TokenSettings) -> TokenVerifier:
    """Return the verifier that the settings describe.

    Raises:
        ConfigurationError: neither a secret nor a key set is given, or both are, or the secret is too short.
    """
    secret, url = _variable(settings, "jwt_secret"), _variable(settings, "jwt_jwks_url")
    if settings.jwt_secret is not None and settings.jwt_jwks_url is not None:
        raise errors.ConfigurationError(
            f"Both {secret} and {url} are set.", variable=secret, remedy="Set one: a service trusts one kind of token."
        )
    if settings.jwt_secret is not None:
        keys: KeySet | SecretStr = _shared_secret(settings)
    elif settings.jwt_jwks_url is not None:
        keys = KeySet(settings.jwt_jwks_url)
    else:
        raise errors.ConfigurationError(
            f"Neither {secret} nor {url} is set, so that no token could be verified.",
            variable=secret,
            remedy=f"Set {secret} to {SHORTEST_SECRET} bytes or more (`openssl rand -hex 32`), or {url}.",
        )
    return TokenVerifier(keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def issue_token(
    settings: TokenSettings,
    subject: str,
    tenant: str | None = None,
    scopes: Iterable[str] = (),
    *,
    lifetime: timedelta = timedelta(hours=1),
    further: Mapping[str, object] | None = None,
) -> str:
    """Return an HS256 token that these settings accept: for services that sign in, demonstrations and tests.

    `further` claims are added to those that every token has.

    Raises:
        ConfigurationError: the settings hold no shared secret; tokens come from an identity provider then.
    """
    secret = _shared_secret(settings)
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        TENANT_CLAIM: tenant,
        "scope": " ".join(sorted(scopes)),
        # With its fraction (RFC 7519, NumericDate), so that a token can be told from one of the same second.
        "iat": now.timestamp(),
        "exp": now + lifetime,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        **(further or {}),
    }
    stated = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(stated, secret.get_secret_value(), SHARED_ALGORITHM)


def _key_id(token: str) -> str | None:
    found = jwt.get_unverified_header(token).get("kid")
    return found if isinstance(found, str) else None


def _shared_secret(settings: TokenSettings) -> SecretStr:
    variable, secret = _variable(settings, "jwt_secret"), settings.jwt_secret
    if secret is None:
        raise errors.ConfigurationError(f"{variable} is not set, and tokens are issued with it.", variable=variable)
    if len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise errors.ConfigurationError(
            f"{variable} is too short.",
            variable=variable,
            why=f"A secret for HS256 has {SHORTEST_SECRET} bytes or more (RFC 7518, 3.2).",
            remedy="Make one with `openssl rand -hex 32`.",
        )
    return secret


def _variable(settings: TokenSettings, field: str) -> str:
    """Return the environment variable of a field; the prefix stands in the class that a service made."""
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()
