"""Connecting within a deadline: hosts that hang, servers that come back, passwords that rotate, roles, TLS."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr

from tenantry import errors
from tenantry.address import TLS, Address, Host
from tenantry.postgres.connect import Connector, connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.diagnosis import is_tls_refused
from tenantry.postgres.dial import Session
from tenantry.secrets import AddressSource, StaticSource

if TYPE_CHECKING:
    from password_server import PasswordServer
    from tests.integration.postgres.conftest import Wire


async def reach(
    address: Address | AddressSource, *, deadline: float = 5, patience: float | None = 0, role: str | None = None
) -> Connection:
    source = StaticSource(address) if isinstance(address, Address) else address
    return await connect(source, deadline=deadline, patience=patience, application_name="test", role=role)


@contextmanager
def silent_host() -> Iterator[Host]:
    """A host that takes connections and never says a word, as a frozen server does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Host("127.0.0.1", listener.getsockname()[1])


def closed_host() -> Host:
    with silent_host() as host:
        return host


async def test_a_second_host_is_reached_when_the_first_is_silent(wire: Wire, elapsed: Any) -> None:
    """Also when the deadline is short; and the next connection does not pay for the silent host again."""
    with silent_host() as silent:
        way = wire.way.replace(hosts=(silent, *wire.way.hosts))
        connector = Connector(StaticSource(way), Session("test"))
        first = await connector.connect(deadline=1)
        assert 0.4 < elapsed() < 1
        second = await connector.connect(deadline=1)
        assert elapsed() < 0.4
    await first.close()
    await second.close()


async def test_asyncpg_alone_does_not_reach_the_second_host(wire: Wire) -> None:
    """The reason for a budget a host; should this fail some day, the budget can go."""
    with silent_host() as silent:
        hosts = (silent, *wire.way.hosts)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(
                host=[host.name for host in hosts],
                port=[host.port for host in hosts],
                user="postgres",
                database=wire.address.database,
                ssl=False,
                timeout=1,
            )


async def test_a_silent_server_ends_at_the_deadline(elapsed: Any) -> None:
    with silent_host() as silent, pytest.raises(errors.DatabaseUnavailable, match="No server answered in time"):
        await reach(Address((silent,), "db", "me", tls=TLS("disable")), deadline=0.5, patience=None)
    assert 0.4 < elapsed() < 0.8


async def test_a_server_that_is_merely_slow_is_given_more_time(wire: Wire) -> None:
    """The first budget is too short for it; patience, which is for refusals, does not count."""
    wire.freeze()
    asyncio.get_running_loop().call_later(2.5, wire.thaw)
    connection = await reach(wire.way, deadline=10, patience=0)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_refusal_is_retried_until_the_server_is_back(wire: Wire, elapsed: Any) -> None:
    wire.refuse()
    back = asyncio.create_task(_later(0.6, wire.open))
    connection = await reach(wire.way, patience=5)
    assert 0.6 < elapsed() < 1.5
    await connection.close()
    await back


async def _later(seconds: float, function: Any) -> None:
    await asyncio.sleep(seconds)
    await function()


async def test_without_patience_a_refusal_fails_at_once(elapsed: Any) -> None:
    address = Address((closed_host(),), "db", "me", SecretStr("hunter2"))
    with pytest.raises(errors.DatabaseUnavailable, match="No server listens") as caught:
        await reach(address)
    assert elapsed() < 0.5
    assert "hunter2" not in str(caught.value)
    assert str(address.hosts[0].port) in str(caught.value)
    assert caught.value.remedy


async def test_a_socket_that_is_not_there_yet_counts_as_nobody_listening() -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="No server listens"):
        await reach(Address((Host("/nonexistent"),), "db", "me"))


async def test_an_unknown_name_is_told_as_such() -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="could not be resolved"):
        await reach(Address((Host("no.such.host.invalid"),), "db", "me"))


async def test_a_missing_database_is_told_and_not_retried(wire: Wire, elapsed: Any) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="database 'ghost' does not exist"):
        await reach(wire.way.replace(database="ghost"), patience=5)
    assert elapsed() < 1


async def test_a_full_server_is_told_as_such(empty_database: Address) -> None:
    """SQLSTATE 53300, here from the role's own limit."""
    owner = await reach(empty_database)
    crowded = f"{empty_database.database}_crowded"
    await owner.execute(f"CREATE ROLE {crowded} LOGIN CONNECTION LIMIT 0")
    try:
        with pytest.raises(errors.DatabaseUnavailable, match="no free connection"):
            await reach(empty_database.replace(user=crowded))
    finally:
        await owner.execute(f"DROP ROLE {crowded}")
        await owner.close()


async def test_a_primary_is_not_taken_for_a_standby(wire: Wire) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="No host has target_session_attrs=standby"):
        await reach(wire.way.replace(target_session_attrs="standby"))


@pytest.mark.parametrize("wanted", ["any", "primary", "read-write", "prefer-standby"])
async def test_a_primary_serves_what_it_can(wire: Wire, wanted: str) -> None:
    """`prefer-standby` takes any host when there is no standby."""
    connection = await reach(wire.way.replace(target_session_attrs=wanted))
    assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    await connection.close()


async def test_a_host_that_only_reads_is_passed_over(wire: Wire, empty_database: Address) -> None:
    """Its database says default_transaction_read_only; `read-write` asks for another host."""
    owner = await reach(empty_database)
    await owner.execute(f"ALTER DATABASE {empty_database.database} SET default_transaction_read_only = on")
    with pytest.raises(errors.DatabaseUnavailable, match="No host has target_session_attrs=read-write"):
        await reach(wire.way.replace(target_session_attrs="read-write"))
    await owner.close()


async def test_the_role_is_the_sessions_own(empty_database: Address) -> None:
    """RESET ROLE returns to the role, not to the login."""
    owner = await reach(empty_database)
    role = f"{empty_database.database}_role"
    await owner.execute(f"CREATE ROLE {role}")
    connection = await reach(empty_database, role=role)
    await connection.execute("RESET ROLE")
    row = await connection.fetchrow("SELECT current_user::text, session_user::text")
    await connection.close()
    await owner.execute(f"DROP ROLE {role}")
    await owner.close()
    assert tuple(row) == (role, empty_database.user)


async def test_a_role_that_the_login_may_not_become_is_named(empty_database: Address) -> None:
    owner = await reach(empty_database)
    outsider, insider = (f"{empty_database.database}_{side}" for side in ("out", "in"))
    await owner.execute(f"CREATE ROLE {outsider} LOGIN; CREATE ROLE {insider}")
    try:
        with pytest.raises(errors.DatabaseUnavailable, match=f"'{outsider}' may not SET ROLE to '{insider}'"):
            await reach(empty_database.replace(user=outsider), role=insider)
        await owner.execute(f"REVOKE CONNECT ON DATABASE {empty_database.database} FROM PUBLIC")
        with pytest.raises(errors.DatabaseUnavailable, match=f"'{outsider}' has no CONNECT"):
            await reach(empty_database.replace(user=outsider), role=insider)
    finally:
        await owner.execute(f"DROP ROLE {outsider}, {insider}")
        await owner.close()


async def test_a_pooler_that_refuses_settings_gets_them_in_each_transaction(wire: Wire) -> None:
    """SQLSTATE 08P01 for the startup packet: role and timeouts ride in BEGIN, and no session is changed."""
    wire.refuses_settings = True
    owner = await reach(wire.address)
    pooled = f"{wire.address.database}_pooled"
    await owner.execute(f"CREATE ROLE {pooled}")
    session = Session("test", pooled, {"statement_timeout": "1234"})
    connector = Connector(StaticSource(wire.way), session)
    connection = await connector.connect(deadline=5)
    look = "SELECT current_user::text, current_setting('statement_timeout')"
    async with connection.transaction():
        inside = await connection.fetchrow(look)
    outside = await connection.fetchrow(look)
    accepted = wire.accepted
    await (await connector.connect(deadline=5)).close()
    await connection.close()
    await owner.execute(f"DROP ROLE {pooled}")
    await owner.close()
    assert tuple(inside) == (pooled, "1234ms")
    assert tuple(outside) == (wire.address.user, "0")
    # Once it is known, nothing is offered that will be refused.
    assert wire.accepted == accepted + 1


async def test_a_pooler_that_drops_settings_silently_is_found_out(wire: Wire) -> None:
    """The process that answers is not the one that the login was promised; a direct server is no pooler."""
    direct = await reach(wire.way)
    wire.hides_backend = True
    pooled = await connect(
        StaticSource(wire.way), deadline=5, application_name="test", server_settings={"statement_timeout": "1234"}
    )
    async with pooled.transaction():
        inside = await pooled.fetchval("SHOW statement_timeout")
    outside = await pooled.fetchval("SHOW statement_timeout")
    await direct.close()
    await pooled.close()
    assert (direct.behind_bouncer, pooled.behind_bouncer) == (False, True)
    assert (inside, outside) == ("1234ms", "0")


async def test_a_vanished_peer_is_noticed_by_the_kernel(wire: Wire, empty_database: Address) -> None:
    """Keepalive and TCP_USER_TIMEOUT on TCP; a Unix socket has no such options, and none are set."""
    over_tcp, local = await reach(wire.way), await reach(empty_database)
    channel = over_tcp._transport.get_extra_info("socket")
    assert channel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 2
    assert channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    await over_tcp.close()
    await local.close()


class Store:
    """A store of secrets in memory; `late` refreshes still give what was there before."""

    def __init__(self, address: Address, *answers: Sequence[Address]) -> None:
        self.address, self.answers, self.asked = address, list(answers), 0

    async def current(self) -> Address:
        return self.address

    async def refresh(self) -> Sequence[Address]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_a_refused_password_asks_the_source_again(password_server: PasswordServer) -> None:
    good = password_server.address
    store = Store(good.replace(password=SecretStr("old")), [good])
    connection = await reach(store)
    await connection.close()
    assert store.asked == 1


async def test_candidates_are_tried_in_order(password_server: PasswordServer) -> None:
    """What is pending may be what the server takes already; it is remembered, and the store is left in peace."""
    good = password_server.address
    old = good.replace(password=SecretStr("old"))
    store = Store(old, [old, good])
    connector = Connector(store, Session("test"))
    for _ in range(2):
        await (await connector.connect(deadline=5)).close()
    assert store.asked == 1


async def test_a_rotation_under_way_is_waited_for(password_server: PasswordServer) -> None:
    """The server has the new password, the store does not yet: asked again, a bounded number of times."""
    good = password_server.address
    old = good.replace(password=SecretStr("old"))
    store = Store(old, [old], [old], [good])
    connection = await reach(store, patience=5)
    await connection.close()
    assert store.asked == 3


async def test_a_wrong_password_is_told_and_the_store_is_not_hammered(password_server: PasswordServer) -> None:
    bad = password_server.address.replace(password=SecretStr("hunter2"))
    store = Store(bad, [bad])
    with pytest.raises(errors.DatabaseUnavailable, match="refused the password of 'postgres'") as caught:
        await reach(store, patience=5)
    assert store.asked == 3
    assert "hunter2" not in repr(caught.value) + str(caught.value)


async def test_a_wrong_password_in_a_variable_fails_at_once(password_server: PasswordServer, elapsed: Any) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="password"):
        await reach(password_server.address.replace(password=SecretStr("wrong")), patience=5)
    assert elapsed() < 0.5


def certified(server: PasswordServer, mode: Any, *, host: str = "localhost", trusted: bool = True) -> Address:
    if not server.has_tls:
        pytest.skip("needs openssl to make a certificate")
    root = str(server.folder / "data" / "server.crt") if trusted else None
    return server.address.replace(hosts=(Host(host, server.port),), tls=TLS(mode, root))


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_tls_encrypts_in_every_mode_that_says_so(password_server: PasswordServer, mode: str) -> None:
    connection = await reach(certified(password_server, mode, trusted=mode.startswith("verify")))
    assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await connection.close()


async def test_a_certificate_for_another_name_is_refused(password_server: PasswordServer) -> None:
    """Only `verify-full` looks at the name; the mutant `verify-ca` takes it."""
    with pytest.raises(errors.DatabaseUnavailable, match="certificate is invalid"):
        await reach(certified(password_server, "verify-full", host="127.0.0.1"), patience=5)
    await (await reach(certified(password_server, "verify-ca", host="127.0.0.1"))).close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(password_server: PasswordServer) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="certificate is invalid"):
        await reach(certified(password_server, "verify-full", trusted=False))


async def test_a_server_without_tls_is_told_and_not_retried(wire: Wire, elapsed: Any) -> None:
    """The server answers N: PostgreSQL offers no TLS on the Unix socket at the other end of this wire."""
    with pytest.raises(errors.DatabaseUnavailable, match="refused TLS"):
        await reach(wire.way.replace(tls=TLS("require")), patience=5)
    assert elapsed() < 0.5
    await (await reach(wire.way.replace(tls=TLS("prefer")))).close()


@dataclass
class Stub:
    """What stands at a port in place of a PostgreSQL: it may read, may answer, and closes."""

    reads: bool = True
    answer: bytes = b""
    accepted: int = 0
    host: Host = field(default_factory=lambda: Host("127.0.0.1", 1))
    is_met: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.is_met.set()
        if self.reads:
            await reader.read(8)  # SSLRequest
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def standing(stub: Stub) -> AsyncIterator[Stub]:
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.host = Host("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield stub
    finally:
        server.close()
        await server.wait_closed()


MODES = ("disable", "allow", "prefer", "require", "verify-full")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reads", [False, True])
async def test_a_closed_socket_is_waited_for_and_nobody_weakens_tls(mode: Any, reads: bool, elapsed: Any) -> None:  # noqa: FBT001
    """A server that stops, and a proxy in front of one that is down, close before they answer."""
    async with standing(Stub(reads)) as stub:
        address = Address((stub.host,), "db", "me", tls=TLS(mode))
        with pytest.raises(errors.DatabaseUnavailable, match=r"closed before|connection broke") as caught:
            await reach(address, patience=0.5)
        assert elapsed() > 0.2
        assert stub.accepted > 2
        assert not re.search("TLS|SSL|sslmode", f"{caught.value.why} {caught.value.remedy}")


async def test_a_closed_socket_is_waited_for_until_the_server_is_there(wire: Wire) -> None:
    """The address has the default mode, `prefer`."""
    wire.refuse()
    async with standing(Stub()) as stub:
        back = asyncio.create_task(reach(wire.way.replace(hosts=(stub.host,), tls=TLS("prefer")), patience=5))
        await stub.is_met.wait()
    wire.port = stub.host.port
    await wire.open()
    await (await back).close()


async def test_a_closed_socket_does_not_hide_the_second_host(wire: Wire) -> None:
    async with standing(Stub()) as stub:
        connection = await reach(wire.way.replace(hosts=(stub.host, *wire.way.hosts), tls=TLS("prefer")))
        await connection.close()


@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_only_a_server_that_says_no_refuses_tls(mode: Any) -> None:
    async with standing(Stub(answer=b"N")) as stub:
        with pytest.raises(errors.DatabaseUnavailable, match=rf"refused TLS \(sslmode={mode}\)"):
            await reach(Address((stub.host,), "db", "me", tls=TLS(mode)), patience=5)
        assert stub.accepted == 1


async def test_prefer_goes_on_without_tls_after_a_no(elapsed: Any) -> None:
    """This server closes then, so that is what is told and waited for."""
    async with standing(Stub(answer=b"N")) as stub:
        with pytest.raises(errors.DatabaseUnavailable, match=r"closed before|connection broke"):
            await reach(Address((stub.host,), "db", "me", tls=TLS("prefer")), patience=0.5)
        assert stub.accepted > 2


async def test_an_answer_that_is_no_postgresql_is_told_as_such() -> None:
    """Under `prefer` no server can refuse TLS."""
    async with standing(Stub(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")) as stub:
        with pytest.raises(errors.DatabaseUnavailable, match="does not use the protocol of PostgreSQL"):
            await reach(Address((stub.host,), "db", "me", tls=TLS("prefer")), patience=5)
        assert stub.accepted == 1


@pytest.mark.parametrize(("answer", "is_refusal"), [(b"N", True), (b"", False)])
async def test_the_installed_asyncpg_tells_a_refusal_from_a_closed_socket(answer: bytes, is_refusal: bool) -> None:  # noqa: FBT001
    """By its text alone, which a new version may change: then this is where to look."""
    async with standing(Stub(answer=answer)) as stub:
        with pytest.raises(ConnectionError) as caught:
            await asyncpg.connect(host="127.0.0.1", port=stub.host.port, user="me", database="db", ssl="require")
        assert type(caught.value) is ConnectionError
        assert is_tls_refused(caught.value) is is_refusal
