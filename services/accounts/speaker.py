"""The user who sends a request, read from the table in every unit of work.

The token names the user, and the user's row holds the roles. So removing a user or a role has an effect at once, and
not when the token expires. A token also becomes invalid when the password is changed after the token was issued.

    async with speaker.reading(ADMIN) as (session, user): ...

A route opens one unit of work for each stretch of database work. No transaction is open while a password is hashed:
hashing takes a hundred times as long as a query, and other requests need the connection meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy import exists, select

from accounts.models import PasswordChange, User
from tenantry import Database, ReadSession, TenantSession, errors
from tenantry.fastapi import Caller, CurrentDatabase, Principal, Problem

__all__ = ["CurrentSpeaker", "Speaker"]

# The issue time of a token without the claim `iat`.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Opens units of work of the token's tenant and reads the token's user in each of them."""

    database: Database
    principal: Principal

    @asynccontextmanager
    async def writing(self, role: str = "") -> AsyncIterator[tuple[TenantSession, User]]:
        """Open a unit of work; with `role`, only for a user who has this role.

        Raises:
            Problem: 401, the token is invalid; 403, the user does not have the role.
        """
        try:
            unit_of_work = self.database.tenant(self.principal.tenant)
        except errors.TenancyError as error:
            raise _invalid_token() from error
        async with unit_of_work as session:
            yield session, await self._find(session, role)

    @asynccontextmanager
    async def reading(self, role: str = "") -> AsyncIterator[tuple[ReadSession, User]]:
        """Open a read-only unit of work; see `writing`."""
        try:
            unit_of_work = self.database.tenant(self.principal.tenant, read_only=True)
        except errors.TenancyError as error:
            raise _invalid_token() from error
        async with unit_of_work as session:
            yield session, await self._find(session, role)

    async def _find(self, session: TenantSession | ReadSession, role: str) -> User:
        try:
            user_id = uuid.UUID(self.principal.subject)
        except ValueError as error:
            # The signature is valid, but another service issued the token.
            raise _invalid_token() from error
        issued_at = self.principal.issued_at or _LONG_AGO
        changed = exists().where(PasswordChange.user_id == User.id, PasswordChange.changed_at > issued_at)
        user: User | None = await session.scalar(select(User).where(User.id == user_id, ~changed))
        if user is None:
            raise _invalid_token()
        if role and role not in user.roles:
            raise Problem(403, "role_required", f"This request needs the role {role!r}.")
        return user


async def _current_speaker(database: CurrentDatabase, caller: Caller) -> Speaker:
    return Speaker(database, caller)


CurrentSpeaker = Annotated[Speaker, Depends(_current_speaker)]


def _invalid_token() -> Problem:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "token_invalid", "The token is no longer valid.", headers=challenge)
