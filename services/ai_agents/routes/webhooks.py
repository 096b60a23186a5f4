"""The webhook of the service desks: signed with the tenant's own secret, accepted once.

Who cannot sign learns nothing: an unknown tenant, a malformed one and a wrong signature get one answer, after the same
work. What was signed is looked at before it is read.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import undefer

from ai_agents import history, schemas
from ai_agents.models import TenantConfig, WebhookDelivery
from tenantry import TenantSession, errors
from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.problems import Problem, problem_responses
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.signature import is_signed

__all__ = ["router"]

router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=problem_responses(401, 409))

# What a signature is compared with where there is no secret: nobody knows it, so that nothing fits.
_NOBODYS_SECRET = secrets.token_bytes(32)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schemas.WebhookTicket.model_json_schema()}},
    }
}


@router.post("/servicedesk", status_code=202, summary="Tell of a ticket", openapi_extra=_BODY)
async def receive_ticket(
    request: Request,
    database: CurrentDatabase,
    x_tenant_id: Annotated[str, Header(description="The tenant whose service desk sends this.")] = "",
    x_signature: Annotated[str, Header(description="sha256= and the HMAC-SHA256 of the body, in hex.")] = "",
) -> schemas.WebhookReceipt:
    """Write a pending enhancement for the ticket; a delivery that was accepted before is refused."""
    # Before a connection is taken, which a slow sender would keep.
    body = await request.body()
    try:
        unit_of_work = database.tenant(x_tenant_id)
    except errors.TenancyError as error:
        is_signed(body, x_signature, [_NOBODYS_SECRET])
        raise _not_signed() from error
    async with unit_of_work as session:
        if not is_signed(body, x_signature, [await _signing_secret(session)]):
            raise _not_signed()
        note_tenant(x_tenant_id)
        ticket = _parse(body)
        await _refuse_replay(session, ticket.delivery_id)
        row = await history.begin(session, ticket.ticket_id, ticket.context)
    return schemas.WebhookReceipt(id=row.id)


async def _signing_secret(session: TenantSession) -> bytes:
    statement = select(TenantConfig).options(undefer(TenantConfig.webhook_signing_secret))
    tenant = await session.scalar(statement)
    return _NOBODYS_SECRET if tenant is None else tenant.webhook_signing_secret.encode()


async def _refuse_replay(session: TenantSession, delivery_id: str) -> None:
    statement = insert(WebhookDelivery).values(delivery_id=delivery_id).on_conflict_do_nothing()
    if await session.scalar(statement.returning(WebhookDelivery.delivery_id)) is None:
        raise Problem(409, "delivery_replayed", "This delivery was accepted before.")


def _parse(body: bytes) -> schemas.WebhookTicket:
    try:
        return schemas.WebhookTicket.model_validate_json(body)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


def _not_signed() -> Problem:
    return Problem(401, "signature_invalid", "The tenant is unknown, or the signature does not fit the body.")
