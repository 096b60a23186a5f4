"""Keyset pagination: inserts between two pages neither skip nor repeat a row.

A cursor contains the sort key of the last row of a page. The next page begins after this key, by one comparison of row
values, which an index on the same columns serves directly. With an offset, PostgreSQL would read all earlier rows
again, and an insert would shift the pages.

Cursors are opaque but not secret: row security limits every page, so a forged cursor only reaches other rows of the
same tenant. A damaged cursor and a cursor of another listing are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from tenantry.fastapi.problems import Problem
from tenantry.tenancy.unit_of_work import ReadSession

__all__ = ["Page", "PageQuery", "PageRequest", "paginate"]

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
LONGEST_CURSOR = 1024

Item = TypeVar("Item")
Column = InstrumentedAttribute[Any] | ColumnElement[Any]


class Page(BaseModel, Generic[Item]):
    """One page; `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


class PageRequest(BaseModel):
    """The requested page."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def _page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the previous page")
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor)


# For a route's parameter: `page: PageQuery`.
PageQuery = Annotated[PageRequest, Depends(_page_request)]


async def paginate(
    session: AsyncSession | ReadSession,
    select: Select[*tuple[Any, ...]],
    columns: Sequence[Column],
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    convert: Callable[[Any], Item],
    order: Literal["desc", "asc"] = "desc",
    offset: int = 0,
) -> Page[Item]:
    """Return the page of `select` after `cursor`, ordered by `columns`; `convert` makes an item of each row.

    The columns are NOT NULL and together unique, such as `(created_at, id)`. `convert` gets the entity when the select
    has one, and the row otherwise. The query fetches one row more than `limit`, to find out whether there is another
    page. An `offset` skips rows, for listings with page numbers; see `counted_pages`.

    Raises:
        Problem: 422, the cursor does not belong to this listing.
    """
    keys = tuple_(*columns)
    statement = select.add_columns(*columns)
    if cursor is not None:
        values = _decode(cursor, columns)
        last = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        statement = statement.where(keys < last if order == "desc" else keys > last)
    ordering = [column.desc() if order == "desc" else column.asc() for column in columns]
    statement = statement.order_by(*ordering).limit(limit + 1)
    rows = (await session.execute(statement.offset(offset) if offset else statement)).all()
    width = len(columns)
    has_more = len(rows) > limit
    following = _encode(rows[limit - 1][-width:], columns) if has_more else None
    return Page[Item](items=[convert(_item(row, width)) for row in rows[:limit]], next_cursor=following)


def _item(row: Row[Any], width: int) -> Any:
    wanted = row[:-width]
    return wanted[0] if len(wanted) == 1 else wanted


def _encode(values: Sequence[Any], columns: Sequence[Column]) -> str:
    document = {"by": [column.key for column in columns], "at": [_to_json(value) for value in values]}
    return base64.urlsafe_b64encode(json.dumps(document, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _to_json(value: Any) -> str | int:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)


def _decode(cursor: str, columns: Sequence[Column]) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        document = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        # A cursor of another listing has other names, so a lookup below fails.
        by = dict(zip(document["by"], document["at"], strict=True))
        return [_from_json(by.pop(column.key), column) for column in columns]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error) as error:
        sentence = "The cursor does not belong to this listing. Start again without a cursor."
        raise Problem(422, "cursor_invalid", sentence) from error


def _from_json(value: Any, column: Column) -> Any:
    """Return one value as the column's type; refuse values that the database would refuse."""
    kind = column.type.python_type
    if kind is int:
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
            raise ValueError("The value is not a 64-bit integer.")
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("The value is not text.")
    if kind is datetime:
        return _moment(value, has_zone=bool(getattr(column.type, "timezone", False)))
    if kind is UUID:
        return UUID(value)
    if kind is str:
        value.encode()
        return value
    raise TypeError(f"A {kind.__name__} cannot be part of a cursor.")


def _moment(text: str, *, has_zone: bool) -> datetime:
    moment = datetime.fromisoformat(text)
    if has_zone != (moment.tzinfo is not None):
        raise ValueError("Only one of the value and the column has a time zone.")
    # A date in the year 1 with a positive offset overflows here, and not later in the driver.
    return moment.astimezone(UTC) if has_zone else moment
