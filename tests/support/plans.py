"""What the server would do for a statement as the toolkit sends it: with its predicates, in the application's role."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, event

from tenantry import ReadSession, TenantSession

__all__ = ["plan_of"]


async def plan_of(session: TenantSession | ReadSession, statement: Executable, *, analyze: bool = False) -> str:
    """Execute a statement, then EXPLAIN exactly what was sent, with the same parameters; return the plan's text."""
    connection = await session.connection()
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: object) -> None:
        sent.append((text, parameters))

    engine = connection.sync_connection.engine if connection.sync_connection is not None else None
    event.listen(engine, "before_cursor_execute", note)
    try:
        await session.execute(statement)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    text, parameters = sent[-1]
    options = "ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF" if analyze else "COSTS OFF"
    rows = await connection.exec_driver_sql(f"EXPLAIN ({options}) {text}", parameters)
    return "\n".join(row[0] for row in rows)
