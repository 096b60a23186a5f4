"""Who is speaking, and which conversations are theirs.

An educator sees and changes the educator's own conversations; a coach also sees those of the organisation; an admin
also changes them.
"""

from __future__ import annotations

import uuid
from typing import Annotated

from sqlalchemy import ColumnElement, select, true

from plc_coach.models import Conversation, User, UserSession
from tenantry import ReadSession, TenantSession
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.rows import find
from tenantry.fastapi.session_caller import AnySession, SessionCaller, read_as, write_as

__all__ = ["Caller", "Reader", "Writer"]


class Caller(SessionCaller[AnySession, User]):
    """A user in a unit of work of the user's organisation."""

    @property
    def visible(self) -> ColumnElement[bool]:
        """The criterion of the conversations that the caller sees."""
        return Conversation.user_id == self.user.id if self.user.role == "educator" else true()

    async def find(self, conversation_id: uuid.UUID, *, to_change: bool = False) -> Conversation:
        """Return a conversation that the caller sees, locked where the caller is to change it.

        Raises:
            Problem: 404, there is none, and another organisation's is none; 403, the caller may only read it.
        """
        statement = select(Conversation).where(Conversation.id == conversation_id, self.visible)
        found = await find(self.session, statement.with_for_update() if to_change else statement, "conversation")
        if to_change and found.user_id != self.user.id and self.user.role != "admin":
            raise Problem(403, "not_the_owner", "Only its user and administrators may change a conversation.")
        return found


Reader = Annotated[Caller[ReadSession], read_as(Caller, UserSession, User)]
Writer = Annotated[Caller[TenantSession], write_as(Caller, UserSession, User)]
