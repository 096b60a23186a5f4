"""Members of a schema: a revision makes them, autogenerate and the audit agree on them, and its reverse is exact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import full_schema
import pytest
from schema_lab import Lab, differences, no_models
from schema_members import MEMBERS, Member

from tenantry import Address
from tenantry.postgres.binaries import Binaries

# Many members in one database, because a database for each takes longer than all that is tested in it.
TOGETHER = 25
GROUPS = [MEMBERS[start : start + TOGETHER] for start in range(0, len(MEMBERS), TOGETHER)]


def insertions(members: list[Member]) -> Iterator[str]:
    for member in members:
        columns = f"({member.columns}) VALUES ({member.row})" if member.row else "DEFAULT VALUES"
        yield f"INSERT INTO {member.table} {columns}"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]}-{group[-1]}")
async def test_members_go_up_and_down(
    group: list[Member], empty_database: Address, binaries: Binaries, tmp_path: Path
) -> None:
    lab = Lab(empty_database, tmp_path)
    there = await lab.available_extensions()
    members = [one for one in group if binaries.major >= one.since and there.issuperset(one.extensions)]
    assert members

    def define(base: type[Any]) -> None:
        for member in members:
            member.define(base)

    service = lab.service(define, extensions=tuple({name for one in members for name in one.extensions}))
    await lab.build(service)
    try:
        before = await lab.catalog()
        revision = await lab.migrate(service)
        after = await lab.catalog()
        await lab.execute(*insertions(members))
        counts = [f"SELECT count(*) FROM {member.table}" for member in members]
        assert await lab.execute(*counts) == [1] * len(members)
        assert await lab.execute(*counts, tenant="south") == [0] * len(members)
        await lab.run(revision.downgrade, service)
        assert differences(before, await lab.catalog()) == ""
        await lab.run(revision.upgrade, service)
        assert differences(after, await lab.catalog()) == ""
        await lab.check(service)
    finally:
        await full_schema.drop_roles(empty_database, service)


async def test_a_dropped_model_comes_back(empty_database: Address, binaries: Binaries, tmp_path: Path) -> None:
    """The revision that drops every table restores all of them from what PostgreSQL printed."""
    lab = Lab(empty_database, tmp_path)
    there = await lab.available_extensions()
    members = [one for one in MEMBERS if binaries.major >= one.since and there.issuperset(one.extensions)]

    def define(base: type[Any]) -> None:
        for member in members:
            member.define(base)

    extensions = tuple({name for one in members for name in one.extensions})
    service = lab.service(define, extensions=extensions)
    empty = lab.service(no_models, extensions=extensions)
    await lab.build(service)
    try:
        await lab.run((await lab.revision(service)).upgrade, service)
        before = await lab.catalog()
        revision = await lab.migrate(empty)
        assert {kind for _, kind in await lab.catalog()}.isdisjoint({"enum", "domain"})
        await lab.run(revision.downgrade, empty)
        assert differences(before, await lab.catalog()) == ""
        await lab.check(service)
    finally:
        await full_schema.drop_roles(empty_database, service)
