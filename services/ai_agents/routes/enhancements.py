"""Enhancements of the caller's tenant: request, list, read and finish."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from ai_agents import history, schemas
from ai_agents.models import EnhancementHistory
from tenantry.fastapi import (
    Creation,
    Listing,
    Page,
    PageQuery,
    PrincipalReadSession,
    PrincipalSession,
    Problem,
    narrow,
    problem_responses,
    rows,
)

__all__ = ["router"]

router = APIRouter(prefix="/enhancements", tags=["enhancements"])

NEWEST_FIRST = Listing(schemas.Enhancement, (EnhancementHistory.created_at, EnhancementHistory.id))


@router.post("", status_code=201, summary="Request an enhancement of a ticket")
async def create_enhancement(
    session: PrincipalSession, body: schemas.EnhancementRequest, created: Creation
) -> schemas.Enhancement:
    """Create a pending enhancement, which a worker finishes later."""
    row = await history.begin(session, body.ticket_id, body.context_gathered)
    created.at(row.id)
    return schemas.Enhancement.model_validate(row)


@router.get("", summary="List enhancements, newest first")
async def list_enhancements(
    session: PrincipalReadSession,
    page: PageQuery,
    ticket_id: Annotated[schemas.TicketID | None, Query()] = None,
    status: Annotated[schemas.Status | None, Query()] = None,
) -> Page[schemas.Enhancement]:
    """Return one page of the tenant's enhancements, filtered by ticket and status."""
    wanted = {EnhancementHistory.ticket_id: ticket_id, EnhancementHistory.status: status}
    return await NEWEST_FIRST.page(session, narrow(select(EnhancementHistory), wanted), page)


@router.get("/{enhancement_id}", summary="Read an enhancement", responses=problem_responses(404))
async def read_enhancement(session: PrincipalReadSession, enhancement_id: uuid.UUID) -> schemas.Enhancement:
    """Return one of the tenant's enhancements."""
    statement = select(EnhancementHistory).where(EnhancementHistory.id == enhancement_id)
    return schemas.Enhancement.model_validate(await rows.find(session, statement, "enhancement"))


@router.patch(
    "/{enhancement_id}",
    summary="Complete or fail a pending enhancement",
    responses=problem_responses(404, 409),
)
async def finish_enhancement(
    session: PrincipalSession, enhancement_id: uuid.UUID, body: schemas.EnhancementOutcome
) -> schemas.Enhancement:
    """Store the result of the enhancement, once; `completed_at` is the database's time."""
    row = await history.finish(session, enhancement_id, body.model_dump(exclude_unset=True))
    if row is not None:
        return schemas.Enhancement.model_validate(row)
    await rows.find(session, select(EnhancementHistory).where(EnhancementHistory.id == enhancement_id), "enhancement")
    raise Problem(409, "enhancement_finished", "The enhancement is already finished.")
