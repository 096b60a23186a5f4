"""The states of an enhancement: it begins as pending and is finished once. The session gives the tenant."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, insert, update

from ai_agents.models import EnhancementHistory
from tenantry import TenantSession

__all__ = ["begin", "finish"]


async def begin(session: TenantSession, ticket_id: str, context: dict[str, Any] | None) -> EnhancementHistory:
    """Insert a pending enhancement of a ticket; the database fills in the tenant, the id and the time."""
    statement = (
        insert(EnhancementHistory)
        .values(ticket_id=ticket_id, status="pending", context_gathered=context)
        .returning(EnhancementHistory)
    )
    return (await session.scalars(statement)).one()


async def finish(
    session: TenantSession, enhancement_id: uuid.UUID, values: dict[str, Any]
) -> EnhancementHistory | None:
    """Complete or fail a pending enhancement; return None when it does not exist or is not pending.

    It is one statement: when two workers finish the same enhancement, only one of them finds it pending.
    """
    statement = (
        update(EnhancementHistory)
        .where(EnhancementHistory.id == enhancement_id, EnhancementHistory.status == "pending")
        .values(**values, completed_at=func.now())
        .returning(EnhancementHistory)
    )
    return (await session.scalars(statement)).one_or_none()
