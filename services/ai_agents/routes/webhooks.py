"""The webhook of the service desks: signed with the tenant's secret, and accepted once.

A sender without the secret learns nothing: an unknown tenant, a malformed tenant and a wrong signature get the same
answer after the same work. The signature is verified before the body is parsed.
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
from ai_agents.signature import is_signed
from tenantry import TenantSession, errors
from tenantry.fastapi import CurrentDatabase, Problem, note_tenant, problem_responses

__all__ = ["router"]

router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=problem_responses(401, 409))

# Stands in for the secret of an unknown tenant. It is random, so no signature matches it.
_DUMMY_SECRET = secrets.token_bytes(32)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schemas.WebhookTicket.model_json_schema()}},
    }
}


@router.post("/servicedesk", status_code=202, summary="Report a ticket", openapi_extra=_BODY)
async def receive_ticket(
    request: Request,
    database: CurrentDatabase,
    x_tenant_id: Annotated[str, Header(description="The tenant of the service desk.")] = "",
    x_signature: Annotated[str, Header(description="`sha256=` and the HMAC-SHA256 of the body in hex.")] = "",
) -> schemas.WebhookReceipt:
    """Create a pending enhancement for the ticket. A delivery that was accepted before is refused."""
    # The body is read first: a slow sender must not hold a connection.
    body = await request.body()
    try:
        unit_of_work = database.tenant(x_tenant_id)
    except errors.TenancyError as error:
        is_signed(body, x_signature, [_DUMMY_SECRET])
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
    return _DUMMY_SECRET if tenant is None else tenant.webhook_signing_secret.encode()


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
    return Problem(401, "signature_invalid", "The tenant is unknown, or the signature does not match the body.")
