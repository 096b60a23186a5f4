"""Bearer tokens: verification, the caller that a token names, and issuing.

Invariant: the settings choose the algorithm, never the token. With a shared secret only HS256 is accepted. With a key
set only public-key algorithms are accepted, and the type of the key determines the algorithm. A token without an expiry
is invalid.
"""

from __future__ import annotations

import re
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
# RFC 6749, 3.3: visible ASCII without quotes and backslashes.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


class TokenSettings(BaseModel):
    """Settings for the verification of bearer tokens; set either the secret or the URL of a key set."""

    jwt_secret: SecretStr | None = Field(default=None, description="Shared secret of HS256 tokens, at least 32 bytes.")
    jwt_jwks_url: str | None = Field(default=None, description="URL of the identity provider's key set (JWKS).")
    jwt_issuer: str | None = Field(default=None, description="Required `iss` of a token, when set.")
    jwt_audience: str | None = Field(default=None, description="Required `aud` of a token, when set.")

    @field_validator("jwt_jwks_url")
    @classmethod
    def _is_safe_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value)
        return value


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request: the token's subject, its tenant and its scopes.

    `issued_at` is the token's `iat`, for services that revoke tokens; None without this claim.
    """

    subject: str
    tenant: str | None
    scopes: frozenset[str] = frozenset()
    issued_at: datetime | None = field(default=None, compare=False)


class InvalidToken(Exception):
    """A token that is not accepted; the message can be shown to its bearer."""


class TokenVerifier:
    """Verifies tokens and returns their `Principal`."""

    def __init__(self, keys: KeySet | SecretStr, *, issuer: str | None = None, audience: str | None = None) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Principal:
        """Return the caller that a token names; see `claims`."""
        claims = await self.claims(token)
        try:
            return _principal(claims)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise InvalidToken("The token is not valid for this service.") from error

    async def claims(self, token: str) -> dict[str, Any]:
        """Return all claims of a token, for services that use further claims.

        Raises:
            InvalidToken: the token is expired, not yet valid, forged, for another audience, or not a token.
            KeySetUnavailable: the keys of the identity provider could not be fetched.
        """
        try:
            if isinstance(self._keys, SecretStr):
                return self._read(token, self._keys.get_secret_value(), [SHARED_ALGORITHM])
            key = await self._keys.key(_key_id(token))
            return self._read(token, key, [key.algorithm_name])
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("The token has expired.") from error
        except (jwt.PyJWTError, LookupError, TypeError, ValueError, OverflowError) as error:
            raise InvalidToken("The token is not valid for this service.") from error

    def _read(self, token: str, key: Any, algorithms: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=self._issuer,
            audience=self._audience,
            # A token with an audience is refused even if the settings do not name one. `iat` is informational only.
            options={"require": ["exp", "sub"], "verify_iat": False},
        )
        return found


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject, tenant, scope = claims["sub"], claims.get(TENANT_CLAIM), claims.get("scope", "")
    if not isinstance(scope, str) or not isinstance(tenant, str | None) or not subject:
        raise ValueError("A claim has the wrong type.")
    issued_at = datetime.fromtimestamp(claims["iat"], UTC) if "iat" in claims else None
    # RFC 6749, 3.3: U+0020 alone separates scopes. split() without an argument would also split at U+00A0 or U+2028.
    scopes = frozenset(word for word in scope.split(" ") if word)
    return Principal(subject, tenant or None, scopes, issued_at)


def token_verifier(settings: TokenSettings) -> TokenVerifier:
    """Return the verifier for the settings.

    Raises:
        ConfigurationError: the settings have neither a secret nor a URL, or both, or the secret is too short.
    """
    secret, url = _variable(settings, "jwt_secret"), _variable(settings, "jwt_jwks_url")
    if settings.jwt_secret is not None and settings.jwt_jwks_url is not None:
        raise errors.ConfigurationError(
            f"Both {secret} and {url} are set.",
            variable=secret,
            remedy="Remove one of them: a service accepts one kind of token.",
        )
    if settings.jwt_secret is not None:
        keys: KeySet | SecretStr = _shared_secret(settings)
    elif settings.jwt_jwks_url is not None:
        keys = KeySet(settings.jwt_jwks_url)
    else:
        raise errors.ConfigurationError(
            f"Neither {secret} nor {url} is set, so the service cannot verify tokens.",
            variable=secret,
            remedy=f"Set {secret} to at least {SHORTEST_SECRET} bytes (`openssl rand -hex 32`), or set {url}.",
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
    """Return an HS256 token that these settings accept: for services with sign-in, demonstrations and tests.

    `further` adds claims, or replaces the usual ones.

    Raises:
        ConfigurationError: the settings have no shared secret; then an identity provider issues the tokens.
        ValueError: a scope has a character that RFC 6749 does not allow, such as a space, which would make it two.
    """
    secret = _shared_secret(settings)
    scopes = sorted(scopes)
    for scope in scopes:
        if _SCOPE.fullmatch(scope) is None:
            raise ValueError(f"{scope!r} is not a scope (RFC 6749, 3.3). Use visible ASCII characters without spaces.")
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        TENANT_CLAIM: tenant,
        "scope": " ".join(scopes),
        # With a fraction (RFC 7519, NumericDate), to distinguish tokens that were issued within one second.
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
        raise errors.ConfigurationError(
            f"{variable} is not set, so the service cannot issue tokens.",
            variable=variable,
            remedy=f"Set {variable} to the output of `openssl rand -hex 32`.",
        )
    if len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise errors.ConfigurationError(
            f"{variable} is too short.",
            variable=variable,
            why=f"A secret for HS256 needs at least {SHORTEST_SECRET} bytes (RFC 7518, 3.2).",
            remedy="Generate one with `openssl rand -hex 32`.",
        )
    return secret


def _variable(settings: TokenSettings, field: str) -> str:
    """Return the environment variable of a field; the service's settings class has the prefix."""
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()
