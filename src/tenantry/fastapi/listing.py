"""A listing that routes share: the shape of its items, and their order.

NEWEST_FIRST = Listing(schemas.Ticket, (Ticket.created_at, Ticket.id))

statement = narrow(select(Ticket), {Ticket.status: status})     # a status of None does not filter
return await NEWEST_FIRST.page(session, statement, page)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.pages import Column, Page, PageRequest, paginate
from tenantry.tenancy.unit_of_work import ReadSession

__all__ = ["Listing", "narrow"]

Shown = TypeVar("Shown", bound=BaseModel)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Shown]):
    """A listing with keyset pagination; the columns `keys` are NOT NULL and together unique: `(created_at, id)`."""

    shape: type[Shown]
    keys: tuple[Column, ...]
    order: Literal["desc", "asc"] = "desc"

    async def page(
        self, session: AsyncSession | ReadSession, statement: Select[*tuple[Any, ...]], page: PageRequest
    ) -> Page[Shown]:
        """Return the requested page of `statement`; see `paginate`.

        Raises:
            Problem: 422, the cursor does not belong to this listing.
        """
        return await paginate(
            session,
            statement,
            self.keys,
            limit=page.limit,
            cursor=page.cursor,
            convert=self.shape.model_validate,
            order=self.order,
        )


def narrow(statement: Select[Row], wanted: Mapping[Any, object]) -> Select[Row]:
    """Return the statement with a filter for each column whose wanted value is not None."""
    given = [column == value for column, value in wanted.items() if value is not None]
    return statement.where(*given)
