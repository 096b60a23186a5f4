"""Functions for one row: find it or answer 404, add it, change it, insert or update it.

    user = await rows.find(session, select(User).where(User.id == user_id), "user")     # 404 user_not_found
    user = await rows.add(session, User(name=body.name))                                # with the database's defaults
    await rows.put(session, Embedding, ["tenant_id", "id"], {"id": row.id}, {"embedding": embedding})

Invariant: a missing row and a row of another tenant get the same answer, because row security hides both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.problems import Problem
from tenantry.tenancy.unit_of_work import ReadSession

__all__ = ["add", "change", "find", "not_found", "present", "put"]

Row = TypeVar("Row")


def not_found(noun: str) -> Problem:
    """Return the problem of a missing row: 404."""
    return Problem(404, f"{noun}_not_found", f"This {noun} does not exist.")


def present(row: Row | None, noun: str) -> Row:
    """Return the row.

    Raises:
        Problem: 404, the row is None.
    """
    if row is None:
        raise not_found(noun)
    return row


async def find(session: AsyncSession | ReadSession, statement: Select[Row], noun: str) -> Row:
    """Return the row of a statement.

    Raises:
        Problem: 404, the statement returns no row.
    """
    row: Row | None = await session.scalar(statement)
    return present(row, noun)


async def add(session: AsyncSession, row: Row) -> Row:
    """Insert a row and return it with its key; constraints that are not deferred have been checked."""
    session.add(row)
    await session.flush()
    return row


async def change(session: AsyncSession, row: Row, values: Mapping[str, Any]) -> Row:
    """Update a row that the session has loaded, and return it."""
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
    """Insert the row that `identity` names, or update its `values` if it exists, in one statement; return it.

    `index` names the columns of the unique index that decides whether the row exists.
    """
    statement = insert(model).values(**identity, **values)
    replacing = statement.on_conflict_do_update(index_elements=list(index), set_=dict(values)).returning(model)
    # The session may have loaded the row before.
    return (await session.scalars(replacing, execution_options={"populate_existing": True})).one()
