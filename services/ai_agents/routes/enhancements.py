"""Enhancements of the caller's tenant: asked for, listed, read, finished."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from ai_agents import history, schemas
from ai_agents.models import EnhancementHistory
from tenantry.fastapi.creation import Creation
from tenantry.fastapi.dependencies import PrincipalReadSession, PrincipalSession
from tenantry.fastapi.listing import Listing, narrow
from tenantry.fastapi.pages import Page, PageQuery
from tenantry.fastapi.problems import Problem, problem_responses
from tenantry.fastapi.rows import find

__all__ = ["router"]

router = APIRouter(prefix="/enhancements", tags=["enhancements"])

NEWEST_FIRST = Listing(schemas.Enhancement, (EnhancementHistory.created_at, EnhancementHistory.id))


@router.post("", status_code=201, summary="Ask for an enhancement of a ticket")
async def create_enhancement(
    session: PrincipalSession, body: schemas.EnhancementRequest, created: Creation
) -> schemas.Enhancement:
    """Write a pending enhancement; a worker will finish it."""
    row = await history.begin(session, body.ticket_id, body.context_gathered)
    created.at(row.id)
    return schemas.Enhancement.model_validate(row)


@router.get("", summary="List enhancements, the newest first")
async def list_enhancements(
    session: PrincipalReadSession,
    page: PageQuery,
    ticket_id: Annotated[schemas.TicketID | None, Query()] = None,
    status: Annotated[schemas.Status | None, Query()] = None,
) -> Page[schemas.Enhancement]:
    """Return one page of the tenant's enhancements, of one ticket or in one state where asked."""
    wanted = {EnhancementHistory.ticket_id: ticket_id, EnhancementHistory.status: status}
    return await NEWEST_FIRST.page(session, narrow(select(EnhancementHistory), wanted), page)


@router.get("/{enhancement_id}", summary="Read an enhancement", responses=problem_responses(404))
async def read_enhancement(session: PrincipalReadSession, enhancement_id: uuid.UUID) -> schemas.Enhancement:
    """Return one of the tenant's enhancements."""
    statement = select(EnhancementHistory).where(EnhancementHistory.id == enhancement_id)
    return schemas.Enhancement.model_validate(await find(session, statement, "enhancement"))


@router.patch(
    "/{enhancement_id}",
    summary="Complete or fail a pending enhancement",
    responses=problem_responses(404, 409),
)
async def finish_enhancement(
    session: PrincipalSession, enhancement_id: uuid.UUID, body: schemas.EnhancementOutcome
) -> schemas.Enhancement:
    """Write down how the enhancement ended, once; `completed_at` is the database's time."""
    row = await history.finish(session, enhancement_id, body.model_dump(exclude_unset=True))
    if row is not None:
        return schemas.Enhancement.model_validate(row)
    await find(session, select(EnhancementHistory).where(EnhancementHistory.id == enhancement_id), "enhancement")
    raise Problem(409, "enhancement_finished", "The enhancement is finished already.")
