"""Reading by a link: a row that is shared, for everybody who knows its token.

    SharedConversation = Annotated[Shared[Conversation], shared_by_link(Conversation)]

    @router.get("/shared/{share_token}")  # noqa: FAST003
    async def read_shared(shared: SharedConversation) -> ...: ...

Invariant: a token that is switched off and one that never was get one answer. The row is looked at again in the unit of
work that reads it, which is its tenant's and cannot write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Path, Response
from sqlalchemy import Table, select

from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.share_record import LONGEST_TOKEN, ShareRecord
from tenantry.tenancy.declarations import declaration_of
from tenantry.tenancy.session import ReadSession

__all__ = ["Shared", "shared_by_link"]

Row = TypeVar("Row", bound=ShareRecord)

_Token = Annotated[str, Path(pattern=rf"^[A-Za-z0-9_-]{{1,{LONGEST_TOKEN}}}$")]


@dataclass(frozen=True, slots=True)
class Shared(Generic[Row]):
    """A row that is shared, in a unit of work of its tenant that only reads."""

    session: ReadSession
    row: Row


def shared_by_link(model: type[Row]) -> Any:
    """Return the dependency that gives the row which the path's `share_token` opens, or ends the request with 404."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    tenant = declaration_of(table).tenant_column
    (key,) = (column for column in table.primary_key if column.name != tenant)

    async def provide(database: CurrentDatabase, share_token: _Token, response: Response) -> AsyncIterator[Shared[Row]]:
        # Nobody's credential goes with the request, so that any cache on the way could keep what it answers, and go on
        # with it when the link was switched off.
        response.headers["Cache-Control"] = "no-store"
        match = await database.find_tenant(model, share_token=share_token)
        if match is None:
            raise _not_shared()
        note_tenant(match.tenant)
        async with database.tenant(match.tenant, read_only=True) as session:
            row: Row | None = await session.scalar(select(model).where(key == match.key, model.share_enabled))
            if row is None:
                raise _not_shared()
            yield Shared(session, row)

    return Depends(provide, scope="function")


def _not_shared() -> Problem:
    return Problem(404, "share_not_found", "Nothing is shared under this token.")
