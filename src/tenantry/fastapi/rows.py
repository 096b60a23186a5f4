"""One row at a time, as routes need it: found or 404, added, changed, written under a key.

    user = await find(session, select(User).where(User.id == user_id), "user")     # 404 user_not_found
    user = await add(session, User(name=body.name))                                # with what the database filled in
    await put(session, Embedding, ["tenant_id", "id"], {"id": row.id}, {"embedding": embedding})

Invariant: what is not there and what belongs to somebody else are one answer, because row security shows neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.problems import Problem
from tenantry.tenancy.session import ReadSession

__all__ = ["add", "change", "find", "not_found", "present", "put"]

Row = TypeVar("Row")


def not_found(noun: str) -> Problem:
    """Return the problem of a thing that the caller has none of: 404."""
    return Problem(404, f"{noun}_not_found", f"There is no such {noun} here.")


def present(row: Row | None, noun: str) -> Row:
    """Return a row that was looked for.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found(noun)
    return row


async def find(session: AsyncSession | ReadSession, statement: Select[Row], noun: str) -> Row:
    """Return the row that a statement finds.

    Raises:
        Problem: 404, it finds none.
    """
    row: Row | None = await session.scalar(statement)
    return present(row, noun)


async def add(session: AsyncSession, row: Row) -> Row:
    """Send a new row to the database, and return it: its key is known then, and a constraint has had its say."""
    session.add(row)
    await session.flush()
    return row


async def change(session: AsyncSession, row: Row, values: Mapping[str, Any]) -> Row:
    """Give a row that the session holds other values, send them to the database, and return it."""
    for name, value in values.items():
        setattr(row, name, value)
    await session.flush()
    return row


async def put(
    session: AsyncSession,
    model: type[Row],
    index: Sequence[str],
    identity: Mapping[str, Any],
    values: Mapping[str, Any],
) -> Row:
    """Write the row that `identity` names, whether or not it is there, in one statement; return it as it is now.

    `index` are the columns of the unique index that tells; of a row that is there, `values` alone are replaced.
    """
    statement = insert(model).values(**identity, **values)
    replacing = statement.on_conflict_do_update(index_elements=list(index), set_=dict(values)).returning(model)
    # The session may hold the row as it was before.
    return (await session.scalars(replacing, execution_options={"populate_existing": True})).one()
