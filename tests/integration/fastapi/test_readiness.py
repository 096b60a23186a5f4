"""`/readyz` against real faults: a stopped server, another schema, an exhausted pool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import bookshop
import httpx2
import pytest
from bookshop_api import REVISION, execute, make_app, settings_for, stamp, started, token

from tenantry import Address
from tenantry.fastapi import host
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.embedded import EmbeddedServer


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that this test may stop."""
    server = EmbeddedServer(tmp_path / "postgres", find_binaries("18"), durable=False)
    with server.lease():
        yield server
        server.stop()


async def wait_for(http: httpx2.AsyncClient, status: int, within: float) -> Any:
    deadline = time.monotonic() + within
    while True:
        response = await http.get("/readyz")
        if response.status_code == status:
            return response.json()
        assert time.monotonic() < deadline, response.text
        await asyncio.sleep(0.05)


async def test_a_stopped_server_shows_within_two_seconds_and_so_does_its_return(own_server: EmbeddedServer) -> None:
    address = own_server.address("postgres")
    await bookshop.build(address)
    await stamp(address, REVISION)
    async with started(make_app(settings_for(address))) as http:
        await wait_for(http, 200, 2)
        await asyncio.to_thread(own_server.stop)
        body = await wait_for(http, 503, 2)
        assert body["database"] == "disconnected"
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/health")).status_code == 200
        response = await http.get("/authors", headers=token())
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
        lease = await asyncio.to_thread(own_server.lease)
        try:
            body = await wait_for(http, 200, 2)
            assert (await http.get("/authors", headers=token())).status_code == 200
        finally:
            await asyncio.to_thread(lease.close)
    assert body["database"] == "connected"


async def test_a_ready_database_is_described(http: httpx2.AsyncClient) -> None:
    body = (await http.get("/readyz")).json()
    assert (body["status"], body["database"]) == ("pass", "connected")
    assert set(body["checks"]) == {
        "database:connectivity",
        "database:role",
        "database:recovery",
        "database:schema",
        "database:pool",
    }


async def test_another_revision_is_not_ready(shop_address: Address, http: httpx2.AsyncClient) -> None:
    await stamp(shop_address, "0000")
    response = await http.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "connected"
    (schema,) = response.json()["checks"]["database:schema"]
    assert (schema["status"], schema["observedValue"]) == ("fail", "0000")


async def test_a_role_that_becomes_an_owner_is_not_ready(shop_address: Address, http: httpx2.AsyncClient) -> None:
    await execute(shop_address, f"ALTER TABLE books OWNER TO {bookshop.ROLES.application}")
    response = await http.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database:role"][0]["status"] == "fail"


async def test_an_exhausted_pool_is_not_ready_and_the_database_still_connected(shop_address: Address) -> None:
    app = make_app(settings_for(shop_address, database_pool_size=1, database_max_overflow=1))
    async with started(app) as http:
        database = app.state.database
        async with database.engine.connect(), database.engine.connect():
            response = await http.get("/readyz")
        again = await http.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "connected")
    assert again.status_code == 200


async def test_a_hundred_probes_at_once_agree(http: httpx2.AsyncClient) -> None:
    responses = await asyncio.gather(*(http.get("/readyz") for _ in range(100)))
    assert {response.status_code for response in responses} == {200}


@pytest.fixture
async def hosted(shop_address: Address) -> AsyncIterator[httpx2.AsyncClient]:
    hosting = host(make_app(settings_for(shop_address)))
    root: Any = hosting._root
    async with (
        root.router.lifespan_context(root),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(hosting), base_url="http://s") as http,
    ):
        yield http


@pytest.mark.parametrize("prefix", ["", "/bookshop"])
async def test_host_and_service_answer_the_same_health(hosted: httpx2.AsyncClient, prefix: str) -> None:
    for path in ("/livez", "/readyz", "/ready", "/health", "/health/ready"):
        assert (await hosted.get(prefix + path)).status_code == 200
    assert (await hosted.get(prefix + "/health/ready")).json()["database"] == "connected"


async def test_the_host_lists_its_services_and_their_documents(hosted: httpx2.AsyncClient) -> None:
    page = (await hosted.get("/")).text
    assert 'href="/bookshop/docs"' in page
    document = (await hosted.get("/bookshop/openapi.json")).json()
    assert document["servers"] == [{"url": "/bookshop"}]
    assert (await hosted.get("/bookshop/docs")).status_code == 200
    assert (await hosted.get("/bookshop/", follow_redirects=True)).url.path == "/bookshop/docs"


async def test_what_is_nowhere_is_a_problem(hosted: httpx2.AsyncClient) -> None:
    for path in ("/nowhere", "/bookshop/nowhere"):
        response = await hosted.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
