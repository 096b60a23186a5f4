"""Listings that several routes give, or one route by several filters: what each row looks like, and in which order.

NEWEST_FIRST = Listing(schemas.Ticket, (Ticket.created_at, Ticket.id))

statement = narrow(select(Ticket), {Ticket.status: status})     # status may be None: nobody asked for one
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
from tenantry.tenancy.session import ReadSession

__all__ = ["Listing", "narrow"]

Shown = TypeVar("Shown", bound=BaseModel)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Shown]):
    """A listing by keyset: `keys` are NOT NULL and together unique, as in `(created_at, id)`."""

    shape: type[Shown]
    keys: tuple[Column, ...]
    order: Literal["desc", "asc"] = "desc"

    async def page(
        self, session: AsyncSession | ReadSession, statement: Select[*tuple[Any, ...]], page: PageRequest
    ) -> Page[Shown]:
        """Return the page of `statement` that was asked for; see `paginate`.

        Raises:
            Problem: 422, the cursor is not one of this listing.
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
    """Return the statement for the rows whose columns have the values that were given; None is not given."""
    given = [column == value for column, value in wanted.items() if value is not None]
    return statement.where(*given)
