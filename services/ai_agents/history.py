"""The life of an enhancement: begun as pending, finished once. Whose it is, the session knows."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, insert, update

from ai_agents.models import EnhancementHistory
from tenantry import TenantSession

__all__ = ["begin", "finish"]


async def begin(session: TenantSession, ticket_id: str, context: dict[str, Any] | None) -> EnhancementHistory:
    """Write a pending enhancement of a ticket; the database fills in the tenant, the id and the time."""
    statement = (
        insert(EnhancementHistory)
        .values(ticket_id=ticket_id, status="pending", context_gathered=context)
        .returning(EnhancementHistory)
    )
    return (await session.scalars(statement)).one()


async def finish(
    session: TenantSession, enhancement_id: uuid.UUID, values: dict[str, Any]
) -> EnhancementHistory | None:
    """Complete or fail a pending enhancement; None where there is none, or none that is pending.

    One statement, so that of two workers that finish the same enhancement one finds it pending and the other does not.
    """
    statement = (
        update(EnhancementHistory)
        .where(EnhancementHistory.id == enhancement_id, EnhancementHistory.status == "pending")
        .values(**values, completed_at=func.now())
        .returning(EnhancementHistory)
    )
    return (await session.scalars(statement)).one_or_none()
