"""Keyset pagination: pages that neither skip nor repeat a row while others are being inserted.

A cursor holds the sort key of the last row that was seen, and the next page is what comes after it in the order: one
row-value comparison, which an index on the same columns answers from its middle. An offset would count rows anew each
time, and shift under every insert.

Cursors are opaque, not secret: row security decides what a page holds, so that a forged cursor moves its sender about
within its own tenant's rows and nowhere else. One that is damaged, or from another listing, is refused.
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
from tenantry.tenancy.session import ReadSession

__all__ = ["Page", "PageQuery", "PageRequest", "paginate"]

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
LONGEST_CURSOR = 1024

Item = TypeVar("Item")
Column = InstrumentedAttribute[Any] | ColumnElement[Any]


class Page(BaseModel, Generic[Item]):
    """One page; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None = None


class PageRequest(BaseModel):
    """Which page is wanted."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def _page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the last page")
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor)


# What a route takes: `page: PageQuery`.
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
    """Return the page of `select` after `cursor`, ordered by `columns`, each row made an item by `convert`.

    The columns are NOT NULL and together unique, as in `(created_at, id)`. `convert` gets the entity when the select
    has one, else the row. One row more than `limit` is fetched: it tells whether there is another page. An `offset`
    passes over rows, for listings that offer page numbers; see `counted_page`.

    Raises:
        Problem: 422, the cursor is not one of this listing.
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
        # A cursor of another listing has other names, and so none of these.
        by = dict(zip(document["by"], document["at"], strict=True))
        return [_from_json(by.pop(column.key), column) for column in columns]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error) as error:
        sentence = "The cursor is not one that this listing gave. Begin again without it."
        raise Problem(422, "cursor_invalid", sentence) from error


def _from_json(value: Any, column: Column) -> Any:
    """Read one value back as the column's type; what would make the database stumble is refused here."""
    kind = column.type.python_type
    if kind is int:
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
            raise ValueError("It is not a 64-bit integer.")
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("It is not text.")
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
        raise ValueError("It has a time zone where the column has none, or none where it has one.")
    # Year 1 east of Greenwich overflows: better here than in the driver.
    return moment.astimezone(UTC) if has_zone else moment
