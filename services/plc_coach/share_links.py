"""Reading a shared conversation by its token.

Invariant: a disabled token and an unknown token get the same answer. The conversation is read again in the unit of work
of its organisation, which is read-only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Response
from sqlalchemy import select

from plc_coach.models import SHARE_TOKEN_LENGTH, Conversation
from tenantry import ReadSession
from tenantry.fastapi import CurrentDatabase, Problem, note_tenant

__all__ = ["Shared", "SharedConversation"]

_Token = Annotated[str, Path(pattern=rf"^[A-Za-z0-9_-]{{1,{SHARE_TOKEN_LENGTH}}}$")]


@dataclass(frozen=True, slots=True)
class Shared:
    """A shared conversation, in a read-only unit of work of its organisation."""

    session: ReadSession
    conversation: Conversation


async def _open(database: CurrentDatabase, share_token: _Token, response: Response) -> AsyncIterator[Shared]:
    # The request has no credential, so any cache could store the answer and serve it after the link is disabled.
    response.headers["Cache-Control"] = "no-store"
    match = await database.find_tenant(Conversation, share_token=share_token)
    if match is None:
        raise _not_shared()
    note_tenant(match.tenant)
    async with database.tenant(match.tenant, read_only=True) as session:
        wanted = (Conversation.id == match.key, Conversation.share_enabled)
        row: Conversation | None = await session.scalar(select(Conversation).where(*wanted))
        if row is None:
            raise _not_shared()
        yield Shared(session, row)


# For a route's parameter: the conversation that the path's `share_token` opens.
SharedConversation = Annotated[Shared, Depends(_open, scope="function")]


def _not_shared() -> Problem:
    return Problem(404, "share_not_found", "No conversation is shared with this token.")
