"""Changes of a schema: check and audit see each, the revision makes it, and its reverse restores the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import full_schema
import pytest
import sqlalchemy as sa
from schema_changes import CHANGES, OTHER_ID, Change
from schema_lab import Lab, differences
from schema_members import table

from tenantry import Address, Service
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.definitions import Definitions
from tenantry.proof.audit import Finding

TOGETHER = 20
GROUPS = [CHANGES[start : start + TOGETHER] for start in range(0, len(CHANGES), TOGETHER)]


def insertions(changes: list[Change]) -> Iterator[str]:
    yield f"INSERT INTO others (id) VALUES ('{OTHER_ID}')"
    for change in changes:
        column, _, value = change.row.partition(":")
        values = f"({column}) VALUES ({value})" if value else "DEFAULT VALUES"
        yield f"INSERT INTO {change.table} {values}"


def service_of(lab: Lab, changes: list[Change], *, is_after: bool) -> Service:
    def define(base: type[Any]) -> None:
        table(name="others")(base)
        for change in changes:
            change.define(base, is_after=is_after)

    return lab.service(define, extensions=tuple({name for one in changes for name in one.extensions}))


def types_of(change: Change) -> set[str]:
    """Return the names of the enums and domains of both states."""
    parts = [part for state in (change.before, change.after) for part in state() if isinstance(part, sa.Column)]
    kinds: list[Any] = [getattr(part.type, "item_type", part.type) for part in parts]
    return {str(kind.name) for kind in kinds if getattr(kind, "name", None)}


def seen_by_audit(change: Change, findings: list[Finding]) -> bool:
    """Return whether a finding names the table, one of its indexes, or a type of one of its columns."""
    names = {change.table, f"ix_v_{change.table}", f"ix_a_{change.table}"}
    types = {f"{noun} public.{name}" for noun in ("enum", "domain") for name in types_of(change)}
    return any(one.object in types or names & set(one.object.replace(" ", ".").split(".")) for one in findings)


def written_for(change: Change, upgrade: str) -> bool:
    """Return whether the upgrade names the table or a type of one of its columns."""
    return any(name in upgrade for name in (change.table, *(f'"{kind}"' for kind in types_of(change))))


def in_any_order(catalog: Definitions) -> Definitions:
    """Return the catalog without the order of columns: PostgreSQL adds a column at the end."""

    def line(text: str) -> str:
        return ", ".join(sorted(text.removeprefix("columns ").split(", "))) if text.startswith("columns ") else text

    return {name: "\n".join(map(line, text.splitlines())) for name, text in catalog.items()}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]}-{group[-1]}")
async def test_changes_go_forth_and_back(
    group: list[Change], empty_database: Address, binaries: Binaries, tmp_path: Path
) -> None:
    lab = Lab(empty_database, tmp_path)
    there = await lab.available_extensions()
    changes = [one for one in group if binaries.major >= one.since and there.issuperset(one.extensions)]
    old, new = (service_of(lab, changes, is_after=is_after) for is_after in (False, True))
    await lab.build(old)
    try:
        await lab.migrate(old)
        await lab.execute(*insertions(changes))
        before = in_any_order(await lab.catalog())
        findings = await lab.audit(new)
        assert [str(one) for one in changes if not seen_by_audit(one, findings)] == []
        revision = await lab.migrate(new)
        assert [str(one) for one in changes if not written_for(one, revision.upgrade)] == []
        assert [one.written for one in changes if one.written not in revision.upgrade] == []
        counts = [f"SELECT count(*) FROM {one.table}" for one in changes]
        assert await lab.execute(*counts) == [1] * len(changes)
        after = in_any_order(await lab.catalog())
        await lab.run(revision.downgrade, new)
        assert differences(before, in_any_order(await lab.catalog())) == ""
        await lab.check(old)
        await lab.run(revision.upgrade, new)
        assert differences(after, in_any_order(await lab.catalog())) == ""
    finally:
        await full_schema.drop_roles(empty_database, old)
