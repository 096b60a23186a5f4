"""Who is speaking, as FastAPI dependencies over the bearer token.

    Caller = Annotated[Principal, Depends(principal)]
    Administrator = Annotated[Principal, require_scope("admin")]

The application's lifespan puts a `TokenVerifier` into `app.state.tokens`; `service_app` does it for settings that
inherit `TokenSettings`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tenantry.fastapi.key_set import KeySetUnavailable
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.tokens import InvalidToken, Principal, TokenVerifier

__all__ = ["Caller", "principal", "principal_tenant", "require_scope"]

# `auto_error` off: a missing token is answered below, as a problem with the challenge that RFC 6750 asks for.
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Claims: `sub`, `tenant_id`, `scope`, `exp`.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def principal(request: Request, credentials: _Credentials) -> Principal:
    """Return who sent the request; 401 when no valid token says so, 503 when that cannot be known."""
    if credentials is None:
        raise Problem(
            401, "token_required", "Send `Authorization: Bearer <token>`.", headers={"WWW-Authenticate": "Bearer"}
        )
    verifier: TokenVerifier = request.app.state.tokens
    try:
        found = await verifier.verify(credentials.credentials)
    except InvalidToken as error:
        challenge = f'Bearer error="invalid_token", error_description="{error}"'
        raise Problem(401, "token_invalid", str(error), headers={"WWW-Authenticate": challenge}) from error
    except KeySetUnavailable as error:
        raise Problem(503, "identity_unavailable", str(error), headers={"Retry-After": "30"}) from error
    if found.tenant is not None:
        note_tenant(found.tenant)
    return found


Caller = Annotated[Principal, Depends(principal)]


async def principal_tenant(caller: Caller) -> str:
    """Return the tenant that the caller works for; 403 for a token without one."""
    if caller.tenant is None:
        raise Problem(403, "tenant_required", "The token names no tenant (claim `tenant_id`).")
    return caller.tenant


def require_scope(scope: str) -> Any:
    """Return a dependency that gives the `Principal`, or ends the request with 403 when it lacks `scope`."""

    async def check(caller: Caller) -> Principal:
        if scope not in caller.scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            detail = f"This needs a token with the scope {scope!r}."
            raise Problem(403, "scope_required", detail, headers={"WWW-Authenticate": challenge})
        return caller

    return Depends(check)
