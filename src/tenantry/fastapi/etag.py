"""ETags of rows that have `updated_at`, and `If-Match`: of two editors of one version, one finds that it is too late.

    row = await session.scalar(update(Item).where(Item.id == key, if_match.holds_for(Item.updated_at)) ...)

Invariant: the version is compared by the statement that writes. A row that was read, compared and then written would
leave a gap for another request; here PostgreSQL itself looks again at a row that it had to wait for (READ COMMITTED).
The trigger of `Timestamps` moves `updated_at` with every UPDATE, so that it is a version and needs no column more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header
from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from tenantry.fastapi.problems import Problem

__all__ = ["ETAG_HEADER", "IfMatch", "Precondition", "precondition_failed", "version_tag"]

ETAG_HEADER: dict[str, Any] = {
    "ETag": {"description": "The version; for `If-Match` of the next change.", "schema": {"type": "string"}}
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LONGEST_HEADER = 1024
# RFC 9110, 8.8.3. A comma may stand inside of a tag, so that the list cannot be split at them.
_TAG = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")')
# A weak tag is none of them: it never matches here (RFC 9110, 13.1.1).
_OURS = re.compile(r'"([0-9a-f]{1,16})"')


def version_tag(updated_at: datetime) -> str:
    """Return the ETag of a row: its time in microseconds, which is how finely PostgreSQL keeps it."""
    return f'"{(updated_at - EPOCH) // MICROSECOND:x}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """Which versions a change may meet; None is any, an empty tuple none."""

    versions: tuple[datetime, ...] | None = None

    @classmethod
    def parse(cls, header: str | None) -> Precondition:
        """Return what an If-Match header asks for. What is no tag of ours matches nothing, so nothing is changed."""
        if header is None or header.strip() == "*":
            return cls()
        found = (_moment(tag) for tag in _split(header))
        return cls(tuple(moment for moment in found if moment is not None))

    @property
    def is_any(self) -> bool:
        """Whether every version will do."""
        return self.versions is None

    def holds_for(self, updated_at: InstrumentedAttribute[datetime] | ColumnElement[datetime]) -> ColumnElement[bool]:
        """Return the condition for the WHERE of the statement that writes."""
        return true() if self.versions is None else updated_at.in_(self.versions)


def precondition_failed() -> Problem:
    """Return the problem of a change that came too late: 412."""
    return Problem(412, "precondition_failed", "It has been changed since this version. Read it again, then decide.")


def _split(header: str) -> list[str]:
    """Return the tags of a list; none if anything else stands between them."""
    tags, place = [], 0
    while (found := _TAG.match(header, place)) is not None:
        tags.append(found[1])
        place = found.end()
    return [] if header[place:].strip(" \t,") else tags


def _moment(tag: str) -> datetime | None:
    ours = _OURS.fullmatch(tag)
    try:
        return EPOCH + int(ours[1], 16) * MICROSECOND if ours else None
    except OverflowError:
        return None


def _if_match(
    if_match: Annotated[
        str | None,
        Header(max_length=LONGEST_HEADER, description="Change it only if it still has this ETag, or one of several."),
    ] = None,
) -> Precondition:
    return Precondition.parse(if_match)


# What a route takes: `if_match: IfMatch`.
IfMatch = Annotated[Precondition, Depends(_if_match)]
