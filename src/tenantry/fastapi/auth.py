"""FastAPI dependencies for the caller of a request, from the bearer token.

    Caller = Annotated[Principal, Depends(principal)]
    Administrator = Annotated[Principal, require_scope("admin")]

The application's lifespan sets `app.state.tokens` to a `TokenVerifier`; `service_app` does this for settings that
inherit `TokenSettings`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from tenantry.fastapi.bearer import BearerScheme
from tenantry.fastapi.key_set import KeySetUnavailable
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.tokens import InvalidToken, Principal, TokenVerifier

__all__ = ["Caller", "principal", "principal_tenant", "require_scope"]

_bearer = BearerScheme(bearer_format="JWT", description="Claims: `sub`, `tenant_id`, `scope`, `exp`.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def principal(request: Request, credentials: _Credentials) -> Principal:
    """Return the caller; 401 without a valid token, 503 when the token cannot be verified."""
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
    """Return the caller's tenant; 403 for a token without a tenant."""
    if caller.tenant is None:
        raise Problem(403, "tenant_required", "The token names no tenant (claim `tenant_id`).")
    return caller.tenant


def require_scope(scope: str) -> Any:
    """Return a dependency on the `Principal`; 403 for a token without `scope`."""

    async def check(caller: Caller) -> Principal:
        if scope not in caller.scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            detail = f"This request needs a token with the scope {scope!r}."
            raise Problem(403, "scope_required", detail, headers={"WWW-Authenticate": challenge})
        return caller

    return Depends(check)
