"""Listings by number and offset that also say how many there are, with the way of keyset pagination out of them.

An offset counts rows anew for every page, and shifts under every insert; a total costs a look at every row. Both are
for small tables and for people who leaf through pages. `next_cursor` stands in each page as well, so that a client goes
on by keyset from wherever it is: give a cursor or an offset, never both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.pages import LARGEST_LIMIT, LONGEST_CURSOR, Column, Page, PageRequest, paginate
from tenantry.fastapi.problems import Problem
from tenantry.tenancy.session import ReadSession

__all__ = ["CountedPage", "CountedPageQuery", "CountedPageRequest", "paginate_counted"]

DEFAULT_LIMIT = 100
# Beyond this the database would read and throw away more rows than any page is worth.
LARGEST_OFFSET = 1_000_000

Item = TypeVar("Item")


class CountedPage(Page[Item], Generic[Item]):
    """One page; `total` counts the whole listing, whatever part of it the page is."""

    total: int


class CountedPageRequest(PageRequest):
    """Which page is wanted, by offset or by cursor."""

    offset: int = 0


def _counted_page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="How many to pass over")] = 0,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the last page, instead of an offset")
    ] = None,
) -> CountedPageRequest:
    if cursor is not None and offset:
        raise Problem(422, "page_ambiguous", "Give a cursor or an offset, not both.")
    return CountedPageRequest(limit=limit, offset=offset, cursor=cursor)


# What a route takes: `page: CountedPageQuery`.
CountedPageQuery = Annotated[CountedPageRequest, Depends(_counted_page_request)]


async def paginate_counted(
    session: AsyncSession | ReadSession,
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[Column],
    *,
    page: CountedPageRequest,
    convert: Callable[[Any], Item],
) -> CountedPage[Item]:
    """Return the page of `statement` with its total, the largest `columns` first; see `paginate`.

    The total is a statement of its own: a row that another request adds in between is counted, and on no page yet.

    Raises:
        Problem: 422, the cursor is not one of this listing.
    """
    found = await paginate(
        session, statement, columns, limit=page.limit, cursor=page.cursor, offset=page.offset, convert=convert
    )
    total = await session.scalar(select(func.count()).select_from(statement.order_by(None).subquery()))
    return CountedPage[Item](items=found.items, next_cursor=found.next_cursor, total=total or 0)
