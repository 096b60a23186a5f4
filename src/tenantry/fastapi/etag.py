"""ETags of rows with `updated_at`, and `If-Match`: the second of two editors of one version gets 412.

    row = await session.scalar(update(Item).where(Item.id == key, if_match.holds_for(Item.updated_at)) ...)

Invariant: the statement that writes also compares the version. Comparing it in an earlier statement would let another
request write in between. PostgreSQL evaluates the condition again for a row that it waited for (READ COMMITTED). The
trigger of `Timestamps` changes `updated_at` with every UPDATE, so it serves as the version.
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

__all__ = ["HEADER", "IfMatch", "Precondition", "precondition_failed", "version_tag"]

HEADER: dict[str, Any] = {
    "ETag": {"description": "Version of the resource, for `If-Match` of the next change.", "schema": {"type": "string"}}
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LONGEST_HEADER = 1024
# RFC 9110, 8.8.3. A tag can contain a comma, so the list cannot be split at commas.
_TAG = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")')
# A weak tag is not among them: it never matches `If-Match` (RFC 9110, 13.1.1).
_OURS = re.compile(r'"([0-9a-f]{1,16})"')


def version_tag(updated_at: datetime) -> str:
    """Return the ETag of a row: its `updated_at` in microseconds, PostgreSQL's resolution."""
    return f'"{(updated_at - EPOCH) // MICROSECOND:x}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that a change accepts; None accepts all, an empty tuple accepts no version."""

    versions: tuple[datetime, ...] | None = None

    @classmethod
    def parse(cls, header: str | None) -> Precondition:
        """Return the precondition of an If-Match header. A tag that this module did not make matches no row."""
        # RFC 9110, 5.6.3: whitespace is a space or a tab. strip() without an argument would also remove U+00A0.
        if header is None or header.strip(" \t") == "*":
            return cls()
        found = (_moment(tag) for tag in _split(header))
        return cls(tuple(moment for moment in found if moment is not None))

    @property
    def is_any(self) -> bool:
        """Whether every version is accepted."""
        return self.versions is None

    def holds_for(self, updated_at: InstrumentedAttribute[datetime] | ColumnElement[datetime]) -> ColumnElement[bool]:
        """Return the condition for the WHERE clause of the statement that writes."""
        return true() if self.versions is None else updated_at.in_(self.versions)


def precondition_failed() -> Problem:
    """Return the problem of a change to an old version: 412."""
    return Problem(
        412, "precondition_failed", "The resource has changed since this version. Read it again before you change it."
    )


def _split(header: str) -> list[str]:
    """Return the tags of a list, or an empty list when the header contains anything else."""
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
        Header(max_length=LONGEST_HEADER, description="Change the resource only if it has this ETag, or one of these."),
    ] = None,
) -> Precondition:
    return Precondition.parse(if_match)


# For a route's parameter: `if_match: etag.IfMatch`.
IfMatch = Annotated[Precondition, Depends(_if_match)]
