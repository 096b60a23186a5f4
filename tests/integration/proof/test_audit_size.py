"""The audit on a schema of many tables: the statements that it sends do not grow with them (benchmarks/audit.py)."""

from __future__ import annotations

import time
from pathlib import Path

import full_schema
import many_tables
from sqlalchemy import event

from tenantry import Address
from tenantry.proof.audit import RULES, audit

TABLES = 60
# What the catalog is asked for, each in a savepoint, and an EXPLAIN for fifty tables.
MOST_STATEMENTS = 130
# 200 tables take half a second on an idle machine; a busy one must not fail this.
LONGEST = 30.0


async def test_many_tables_are_few_statements(empty_database: Address, tmp_path: Path) -> None:
    service = many_tables.make_service(tmp_path / "migrations", TABLES)
    await full_schema.build(empty_database, service)
    sent: list[str] = []
    try:
        async with full_schema.session(empty_database, role=service.roles.owner) as connection:
            event.listen(connection.sync_connection, "before_cursor_execute", lambda *given: sent.append(given[2]))
            start = time.perf_counter()
            findings = await audit(connection, service)
            assert time.perf_counter() - start < LONGEST
    finally:
        await full_schema.drop_roles(empty_database, service)
    assert [one for one in findings if one.code != RULES["server_outdated"].code] == []
    assert 0 < len(sent) < MOST_STATEMENTS
