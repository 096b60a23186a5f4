"""The probe answers within its deadline, tells the truth, and comes back when the database does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.connect import connect
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.probe import Probe
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from password_server import PasswordServer
    from tests.integration.postgres.conftest import Wire


@pytest.fixture
async def probe(wire: Wire) -> AsyncIterator[Probe]:
    asked = Probe(StaticSource(wire.way))
    yield asked
    await asked.close()


async def run(address: Address, statement: str) -> None:
    connection = await connect(StaticSource(address), deadline=5, application_name="owner")
    await connection.execute(statement)
    await connection.close()


async def test_it_tells_what_it_read(probe: Probe, wire: Wire) -> None:
    """First there is no table of revisions, then an empty one, one revision, two heads; odd characters too."""
    seen = []
    for change in (
        "SELECT 1",
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('0002 a<b&c:1 ü')",
        "INSERT INTO alembic_version VALUES ('0003')",
    ):
        await run(wire.address, change)
        result = await probe.check()
        assert result.ok, result.error
        seen.append(result.revision)
    assert seen == [None, None, "0002 a<b&c:1 ü", "0002 a<b&c:1 ü, 0003"]
    assert result.in_recovery is False
    assert result.server_version
    assert result.role is not None
    assert (result.role.name, result.role.superuser) == (wire.address.user, True)


async def test_one_check_is_one_round_trip_on_a_kept_connection(probe: Probe, wire: Wire) -> None:
    for _ in range(3):
        wire.talk.clear()
        assert (await probe.check()).ok
    assert wire.accepted == 1
    assert wire.round_trips == 1


async def test_a_revision_that_may_not_be_read_is_unknown_and_the_role_is_told(wire: Wire) -> None:
    role = f"{wire.address.database}_probe"
    await run(wire.address, f"CREATE ROLE {role}; CREATE TABLE alembic_version (version_num text)")
    await run(wire.address, "INSERT INTO alembic_version VALUES ('0001')")
    asked = Probe(StaticSource(wire.way), role)
    before = await asked.check()
    await run(wire.address, f"GRANT SELECT ON alembic_version TO {role}")
    after = await asked.check()
    await asked.close()
    await run(wire.address, f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert (before.ok, before.revision, after.revision) == (True, None, "0001")
    assert after.role is not None
    assert (after.role.name, after.role.login_name) == (role, wire.address.user)
    assert not after.role.superuser


async def test_it_answers_while_the_pool_is_saturated(wire: Wire, probe: Probe) -> None:
    """The mutant, a check through the pool, calls the same database dead."""
    engine = create_engine(StaticSource(wire.way), PoolOptions(size=1, overflow=1, timeout=0.3), application_name="t")
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(engine.connect())
        result = await probe.check()
        with pytest.raises(errors.PoolTimeout):
            await stack.enter_async_context(engine.connect())
    await engine.dispose()
    assert result.ok
    assert result.latency_ms < 800


async def test_askers_at_once_share_one_question(probe: Probe, wire: Wire) -> None:
    """Also when one of them leaves."""
    await probe.check()
    wire.talk.clear()
    tasks = [asyncio.create_task(probe.check()) for _ in range(20)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks[1:])
    assert all(result is results[0] for result in results)
    assert results[0].ok
    assert wire.round_trips == 1


async def test_a_refusing_server_is_told_at_once_and_its_return_at_once(probe: Probe, wire: Wire, elapsed: Any) -> None:
    assert (await probe.check()).ok
    wire.refuse()
    elapsed()
    down = await probe.check()
    assert (down.ok, elapsed() < 0.5) == (False, True)
    assert down.error is not None
    assert "No server listens" in down.error
    await wire.open()
    assert (await probe.check()).ok


async def test_a_connection_that_died_unseen_is_no_verdict_on_the_server(probe: Probe, wire: Wire) -> None:
    """The server restarted between two checks; it is there, so the check says so."""
    assert (await probe.check()).ok
    wire.cut()
    result = await probe.check()
    assert result.ok, result.error
    assert wire.accepted == 2


@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_frozen_server_ends_the_check_at_its_deadline(
    password_server: PasswordServer,
    elapsed: Any,
    is_connected: bool,  # noqa: FBT001
) -> None:
    """A real one, stopped by SIGSTOP, which still takes connections; after SIGCONT the next check says ok."""
    asked = Probe(StaticSource(password_server.local))
    if is_connected:
        assert (await asked.check()).ok
    password_server.signal_all(signal.SIGSTOP)
    try:
        elapsed()
        frozen = [await asked.check() for _ in range(2)]
        took = elapsed()
    finally:
        password_server.signal_all(signal.SIGCONT)
    back = [await asked.check()]
    while not back[-1].ok and len(back) < 20:
        await asyncio.sleep(0.1)
        back.append(await asked.check())
    assert elapsed() < 2
    await asked.close()
    assert [result.ok for result in frozen] == [False, False]
    assert 1.5 < took < 1.9
    assert frozen[0].error
    assert back[-1].ok


async def test_a_wrong_password_is_an_answer_and_no_exception(password_server: PasswordServer) -> None:
    asked = Probe(StaticSource(password_server.address.replace(password=SecretStr("hunter2"))))
    result = await asked.check()
    await asked.close()
    assert not result.ok
    assert result.error is not None
    assert "password" in result.error
    assert "hunter2" not in result.error


async def test_the_engine_is_not_involved(probe: Probe, wire: Wire) -> None:
    """The probe's session has a name of its own in pg_stat_activity."""
    await probe.check()
    engine = create_engine(StaticSource(wire.address), PoolOptions(), application_name="test")
    async with engine.connect() as connection:
        names = await connection.scalars(
            text("SELECT application_name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1")
        )
        assert names.all() == ["tenantry probe", "test"]
    await engine.dispose()
