"""Pages by offset, with the total number of rows.

An offset makes PostgreSQL read all rows before the page, and an insert shifts the pages; a total reads every row. Both
are for small tables and for people who turn pages. Each page also has `next_cursor`, so a client can continue by
keyset. A request has a cursor or an offset, not both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.pages import LARGEST_LIMIT, LONGEST_CURSOR, Column, Page, PageRequest, paginate
from tenantry.fastapi.problems import Problem
from tenantry.tenancy.unit_of_work import ReadSession

__all__ = ["CountedPage", "CountedPageQuery", "CountedPageRequest", "paginate_counted"]

DEFAULT_LIMIT = 100
# A larger offset would make the database read and discard too many rows.
LARGEST_OFFSET = 1_000_000

Item = TypeVar("Item")


class CountedPage(Page[Item], Generic[Item]):
    """One page; `total` is the number of rows of the whole listing."""

    total: int


class CountedPageRequest(PageRequest):
    """The requested page, by offset or by cursor."""

    offset: int = 0


def _counted_page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="Number of rows to skip")] = 0,
    cursor: Annotated[
        str | None,
        Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the previous page, instead of an offset"),
    ] = None,
) -> CountedPageRequest:
    if cursor is not None and offset:
        raise Problem(422, "page_ambiguous", "The request has a cursor and an offset. Send one of them.")
    return CountedPageRequest(limit=limit, offset=offset, cursor=cursor)


# For a route's parameter: `page: CountedPageQuery`.
CountedPageQuery = Annotated[CountedPageRequest, Depends(_counted_page_request)]


async def paginate_counted(
    session: AsyncSession | ReadSession,
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[Column],
    *,
    page: CountedPageRequest,
    convert: Callable[[Any], Item],
) -> CountedPage[Item]:
    """Return the page of `statement` with its total, in descending order of `columns`; see `paginate`.

    The total is a second statement, so it can include a row that another request has just added.

    Raises:
        Problem: 422, the cursor does not belong to this listing.
    """
    found = await paginate(
        session, statement, columns, limit=page.limit, cursor=page.cursor, offset=page.offset, convert=convert
    )
    total = await session.scalar(select(func.count()).select_from(statement.order_by(None).subquery()))
    return CountedPage[Item](items=found.items, next_cursor=found.next_cursor, total=total or 0)
