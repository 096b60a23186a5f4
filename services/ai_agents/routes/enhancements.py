"""Enhancements of the caller's tenant: asked for, listed, read, finished."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select

from ai_agents import history, schemas
from ai_agents.models import EnhancementHistory
from tenantry.web.dependencies import PrincipalReadSession, PrincipalSession
from tenantry.web.pagination import Page, PageQuery, paginate
from tenantry.web.problems import Problem, problem_responses

__all__ = ["router"]

router = APIRouter(prefix="/enhancements", tags=["enhancements"])


def _not_found() -> Problem:
    return Problem(404, "enhancement_not_found", "There is no such enhancement here.")


@router.post("", status_code=201, summary="Ask for an enhancement of a ticket")
async def create_enhancement(
    session: PrincipalSession, body: schemas.EnhancementRequest, request: Request, response: Response
) -> schemas.Enhancement:
    """Write a pending enhancement; a worker will finish it."""
    row = await history.begin(session, body.ticket_id, body.context_gathered)
    response.headers["Location"] = f"{request.url.path}/{row.id}"
    return schemas.Enhancement.model_validate(row)


@router.get("", summary="List enhancements, the newest first")
async def list_enhancements(
    session: PrincipalReadSession,
    page: PageQuery,
    ticket_id: Annotated[schemas.TicketID | None, Query()] = None,
    status: Annotated[schemas.Status | None, Query()] = None,
) -> Page[schemas.Enhancement]:
    """Return one page of the tenant's enhancements, of one ticket or in one state where asked."""
    statement = select(EnhancementHistory)
    if ticket_id is not None:
        statement = statement.where(EnhancementHistory.ticket_id == ticket_id)
    if status is not None:
        statement = statement.where(EnhancementHistory.status == status)
    return await paginate(
        session,
        statement,
        [EnhancementHistory.created_at, EnhancementHistory.id],
        limit=page.limit,
        cursor=page.cursor,
        convert=schemas.Enhancement.model_validate,
    )


@router.get("/{enhancement_id}", summary="Read an enhancement", responses=problem_responses(404))
async def read_enhancement(session: PrincipalReadSession, enhancement_id: uuid.UUID) -> schemas.Enhancement:
    """Return one of the tenant's enhancements."""
    row = await session.get(EnhancementHistory, enhancement_id)
    if row is None:
        raise _not_found()
    return schemas.Enhancement.model_validate(row)


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
    if await session.get(EnhancementHistory, enhancement_id) is None:
        raise _not_found()
    raise Problem(409, "enhancement_finished", "The enhancement is finished already.")
