"""Who speaks, looked up anew in every unit of work: the token says who it is, the row what that user may do.

So a user that was removed, or lost a role, is refused at once and not when the token ends. A service whose users stand
in its own tables says how a token leads to a row, and its routes open units of work in that user's name:

    CurrentSpeaker = Annotated[Speaker[User], speaker(find_user)]

    async with speaker.reading("admin") as (session, user): ...

A route opens one for each stretch of work in the database, and none while a password is hashed: hashing takes a hundred
times as long as a query, and a connection that waits for it is missing elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from fastapi import Depends

from tenantry import errors
from tenantry.fastapi.auth import Caller
from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.tokens import Principal
from tenantry.tenancy.database import Database
from tenantry.tenancy.session import ReadSession, TenantSession

__all__ = ["Speaker", "WithRoles", "speaker"]


class WithRoles(Protocol):
    """A row that says which roles its user has."""

    roles: Any


User = TypeVar("User", bound=WithRoles)
# Returns the row that a token speaks for; None, or a ValueError from what it holds, where the token is void.
Find = Callable[[TenantSession | ReadSession, Principal], Awaitable[User | None]]


@dataclass(frozen=True, slots=True)
class Speaker(Generic[User]):
    """Opens units of work of a token's tenant, in the name of its user."""

    database: Database
    principal: Principal
    find: Find[User]

    @asynccontextmanager
    async def writing(self, role: str = "") -> AsyncIterator[tuple[TenantSession, User]]:
        """Open a unit of work for a user who has `role`, if one is named.

        Raises:
            Problem: 401, the token is void; 403, the user has not that role.
        """
        try:
            unit_of_work = self.database.tenant(self.principal.tenant)
        except errors.TenancyError as error:
            raise _void() from error
        async with unit_of_work as session:
            yield session, await self._find(session, role)

    @asynccontextmanager
    async def reading(self, role: str = "") -> AsyncIterator[tuple[ReadSession, User]]:
        """Open a unit of work that only reads; see `writing`."""
        try:
            unit_of_work = self.database.tenant(self.principal.tenant, read_only=True)
        except errors.TenancyError as error:
            raise _void() from error
        async with unit_of_work as session:
            yield session, await self._find(session, role)

    async def _find(self, session: TenantSession | ReadSession, role: str) -> User:
        try:
            user = await self.find(session, self.principal)
        except ValueError as error:
            # Signed with our secret, and yet not by us.
            raise _void() from error
        if user is None:
            raise _void()
        if role and role not in user.roles:
            raise Problem(403, "role_required", f"This needs the role {role!r}.")
        return user


def speaker(find: Find[User]) -> Any:
    """Return the dependency that gives the `Speaker` of the request's token."""

    async def provide(database: CurrentDatabase, caller: Caller) -> Speaker[User]:
        return Speaker(database, caller, find)

    return Depends(provide)


def _void() -> Problem:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "token_invalid", "The token is not valid any more.", headers=challenge)
