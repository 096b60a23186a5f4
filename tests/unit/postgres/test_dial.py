from __future__ import annotations

import asyncio
import contextlib

import pytest

from tenantry.address import TLS, Address, Host
from tenantry.postgres.connection import DRIVER_ERRORS
from tenantry.postgres.dial import Session, dial

ADDRESS = Address((Host("db"),), "items", "me")


def test_the_login_need_not_become_itself() -> None:
    session = Session("test", "me", {"statement_timeout": "1"})
    assert session.settings_for("me") == {"statement_timeout": "1"}
    assert session.settings_for("other") == {"statement_timeout": "1", "role": "me"}


def test_a_name_in_the_address_wins() -> None:
    session = Session("test")
    assert session.name_for(ADDRESS) == "test"
    assert session.name_for(ADDRESS.replace(parameters={"application_name": "theirs"})) == "theirs"


@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_direct_negotiation_begins_with_tls_and_names_the_protocol(
    monkeypatch: pytest.MonkeyPatch, *, is_direct: bool
) -> None:
    """The environment does not decide: asyncpg would read PGSSLNEGOTIATION."""
    monkeypatch.setenv("PGSSLNEGOTIATION", "postgres" if is_direct else "direct")
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = Address((Host("127.0.0.1", port),), "d", "u", tls=TLS("require", is_direct=is_direct))
        with contextlib.suppress(*DRIVER_ERRORS):
            await dial(address, address.hosts[0], Session("test"), attributes="any", bouncer=False)
    # A TLS handshake record, or PostgreSQL's own request for TLS.
    assert heard[0].startswith(b"\x16\x03" if is_direct else b"\x00\x00\x00\x08")
    assert (b"\x0apostgresql" in heard[0]) is is_direct
