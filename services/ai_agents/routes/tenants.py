"""The configuration of a tenant, for the tenant's administrators.

The path must name the tenant of the token. Any other tenant's id is not found, whether or not the tenant exists, and
with any scope.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy import select, update

from ai_agents import schemas
from ai_agents.models import TenantConfig
from tenantry import ReadSession, TenantSession
from tenantry.fastapi import (
    Caller,
    Principal,
    Problem,
    problem_responses,
    read_session,
    require_scope,
    rows,
    tenant_session,
)

__all__ = ["router"]

CREATED = 201

router = APIRouter(prefix="/tenants", tags=["tenants"], responses=problem_responses(404))


def path_tenant(tenant_id: Annotated[str, Path(max_length=100)], caller: Caller) -> str:
    """Return the tenant of the path; 404 unless it is the caller's."""
    if caller.tenant != tenant_id:
        raise rows.not_found("tenant")
    return tenant_id


def administered_tenant(
    tenant: Annotated[str, Depends(path_tenant)], _caller: Annotated[Principal, require_scope("admin")]
) -> str:
    """Return the tenant of the path; 403 unless the caller is its administrator."""
    return tenant


@router.get("/{tenant_id}", summary="Read a tenant's configuration")
async def read_tenant(
    tenant_id: Annotated[str, Depends(administered_tenant)],
    session: Annotated[ReadSession, read_session(administered_tenant)],
) -> schemas.Tenant:
    """Return the configuration without its secrets."""
    statement = select(TenantConfig).where(TenantConfig.tenant_id == tenant_id)
    return schemas.Tenant.model_validate(await rows.find(session, statement, "tenant"))


@router.put(
    "/{tenant_id}",
    summary="Create or replace a tenant's configuration",
    responses={CREATED: {"model": schemas.Tenant, "description": "Created"}, **problem_responses(409)},
)
async def put_tenant(
    tenant_id: Annotated[str, Depends(administered_tenant)],
    session: Annotated[TenantSession, tenant_session(administered_tenant)],
    body: schemas.TenantSettings,
    response: Response,
) -> schemas.Tenant:
    """Replace or create the configuration. A new tenant needs both secrets."""
    values = body.columns()
    tenant = await session.scalar(update(TenantConfig).values(**values).returning(TenantConfig))
    if tenant is None:
        tenant = await _create(session, tenant_id, values)
        response.status_code = CREATED
    return schemas.Tenant.model_validate(tenant)


async def _create(session: TenantSession, tenant_id: str, values: dict[str, Any]) -> TenantConfig:
    missing = [name for name in ("servicedesk_api_key", "webhook_signing_secret") if name not in values]
    if missing:
        detail = f"A new tenant needs {' and '.join(missing)}."
        raise Problem(422, "secret_required", detail)
    # When two requests create one tenant at once, the unique index refuses the second one: 409.
    return await rows.add(session, TenantConfig(tenant_id=tenant_id, **values))
