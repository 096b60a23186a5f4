"""Search the nearest rows by a vector's index (pgvector's HNSW), and without the index if that returns too few rows.

A search for k rows returns k rows, if there are so many. A scan of the index stops after a number of rows, which
includes rows that are filtered out: rows of another tenant in the same partition, or rows that a policy hides.
`hnsw.iterative_scan` continues the scan up to a limit. If there are still too few rows, the search is repeated without
the index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from tenantry.tenancy.unit_of_work import ReadSession, TenantSession

__all__ = ["EF_SEARCH", "fetch_nearest"]

# The number of candidates of the index scan. A larger number improves recall and takes longer
# (docs/explanation/vectors.md).
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

    It sends two statements, and a third if the index returned fewer than `k` rows.
    """
    settings = {"hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": str(ef_search)}
    await session.execute(select(*(func.set_config(name, value, True) for name, value in settings.items())))
    wanted = statement.add_columns(distance.label("distance")).limit(k)
    rows = (await session.execute(wanted.order_by(distance))).all()
    if len(rows) < k:
        # An index cannot be used for the expression, so every row is read.
        rows = (await session.execute(wanted.order_by(distance + 0.0))).all()
    # relaxed_order returns rows slightly out of order.
    return sorted(rows, key=lambda row: float(row.distance))
