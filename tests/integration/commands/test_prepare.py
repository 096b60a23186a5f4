"""`prepare` on a server that others run: every step is made where it is missing, and said where it may not be."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from plain import connected
from servicedesk import settings_for

from ai_agents.service import service
from tenantry import Address, errors
from tenantry.commands.prepare import prepare
from tenantry.commands.status import read_status
from tenantry.deployment import Deployment
from tenantry.migrations import head_revision

if TYPE_CHECKING:
    from tests.conftest import Administrator

OWNER = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"


@pytest.fixture
def stranger(administrator: Administrator, absent: Address) -> Iterator[Address]:
    """A login that may do nothing."""
    name = f"stranger_{uuid.uuid4().hex[:8]}"
    administrator.execute(f"CREATE ROLE {name} LOGIN")
    yield absent.replace(user=name)
    administrator.execute(f"DROP ROLE {name}")


async def test_from_nothing_to_a_clean_audit(absent: Address) -> None:
    """The second time there is nothing to do."""
    settings = settings_for(absent)
    steps: list[str] = []
    first = await prepare(Deployment(service, settings), steps.append)
    assert (first.database, first.created, first.previous) == (absent.database, True, None)
    assert first.revision == head_revision(service)
    assert [one for one in first.findings if one.code != "TN701"] == []
    assert len(steps) == 4
    async with connected(absent) as superuser:
        assert await superuser.fetchval(OWNER) == service.roles.owner
    second = await prepare(Deployment(service, settings), steps.append)
    assert (second.created, second.previous, second.revision) == (False, first.revision, first.revision)


async def test_several_at_once_all_succeed(absent: Address) -> None:
    settings = settings_for(absent)
    prepared = await asyncio.gather(*(prepare(Deployment(service, settings), lambda _step: None) for _ in range(4)))
    assert {one.revision for one in prepared} == {head_revision(service)}
    assert sum(one.created for one in prepared) == 1


async def test_a_login_that_may_not_make_the_database_is_told_who_should(absent: Address, stranger: Address) -> None:
    settings = settings_for(absent, migration_database_url=stranger.url)
    with pytest.raises(errors.ConfigurationError) as refused:
        await prepare(Deployment(service, settings), lambda _step: None)
    assert f'CREATE DATABASE "{absent.database}"' in refused.value.remedy


async def test_a_server_that_does_not_answer_is_not_a_missing_database(absent: Address) -> None:
    away = Address.parse("postgresql://postgres@127.0.0.1:1/nothing")
    with pytest.raises(errors.DatabaseUnavailable):
        await prepare(Deployment(service, settings_for(absent, migration_database_url=away.url)), lambda _step: None)


async def test_standing_tells_ready_from_not_yet(absent: Address) -> None:
    """Asking starts nothing and makes nothing."""
    settings = settings_for(absent)
    (before,) = (await read_status([Deployment(service, settings)])).services
    assert (before.database, before.revision, before.ready) == (absent.database, None, False)
    assert before.problem
    await prepare(Deployment(service, settings), lambda _step: None)
    standing = await read_status([Deployment(service, settings)])
    (after,) = standing.services
    assert (after.revision, after.head, after.ready, after.problem) == (after.head, after.head, True, None)
    assert standing.server.kind == "remote"
    assert standing.server.running
