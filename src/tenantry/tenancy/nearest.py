"""The nearest rows by a vector's index (pgvector's HNSW), and without it where that gives too few.

Ask for k, get k. An index of nearest neighbours stops when it has read enough rows, and rows that are filtered out
(another tenant's in the same partition, those a caller may not see) count among them. `hnsw.iterative_scan` lets it go
on, up to a bound; a search that still comes back short is done again exactly.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from tenantry.tenancy.session import ReadSession, TenantSession

__all__ = ["EF_SEARCH", "fetch_nearest"]

# How many candidates the index keeps in hand; more finds better and takes longer (docs/explanation/vectors.md).
EF_SEARCH = 100


async def fetch_nearest(
    session: TenantSession | ReadSession,
    statement: Select[*tuple[Any, ...]],
    distance: ColumnElement[float],
    k: int,
    *,
    ef_search: int = EF_SEARCH,
) -> list[Row[Any]]:
    """Return up to `k` rows of `statement`, the nearest first, each with its `distance` as the last column.

    Two statements are sent, and a third where the index gave fewer than `k`.
    """
    settings = {"hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": str(ef_search)}
    await session.execute(select(*(func.set_config(name, value, True) for name, value in settings.items())))
    wanted = statement.add_columns(distance.label("distance")).limit(k)
    rows = (await session.execute(wanted.order_by(distance))).all()
    if len(rows) < k:
        # No index serves an expression, so that every row is read.
        rows = (await session.execute(wanted.order_by(distance + 0.0))).all()
    # The relaxed order is an order of its own.
    return sorted(rows, key=lambda row: float(row.distance))
