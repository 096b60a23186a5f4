"""A bearer credential that stands in a table: the id of a session, a key of an API.

    _Match = Annotated[TenantMatch, found_by_bearer(UserSession, "id")]

The model's declared lookup leads from the credential to its tenant and row, and to nothing else; what is expired or
switched off, the lookup's own condition does not find. What it leads to is read in the tenant's unit of work.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Uuid

from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.problems import Problem
from tenantry.tenancy.declarations import Isolated
from tenantry.tenancy.lookup import TenantMatch

__all__ = ["found_by_bearer", "void_credential"]

_bearer = HTTPBearer(auto_error=False, bearerFormat="opaque", description="What the service handed out itself.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def found_by_bearer(model: type[Isolated], column: str) -> Any:
    """Return the dependency that gives the `TenantMatch` of the request's credential, or ends the request with 401."""

    async def find(database: CurrentDatabase, credentials: _Credentials) -> TenantMatch:
        given: Any = credentials.credentials if credentials else ""
        if isinstance(model.__table__.c[column].type, Uuid):  # type: ignore[attr-defined]
            given = _uuid(given)
        match = await database.find_tenant(model, **{column: given}) if given else None
        if match is None:
            raise void_credential()
        return match

    return Depends(find)


def void_credential() -> Problem:
    """Return what a request is told whose credential is missing, unknown, ended or expired: one answer for all."""
    detail = "The credential is missing, unknown, ended or expired."
    return Problem(401, "credential_invalid", detail, headers={"WWW-Authenticate": "Bearer"})


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
