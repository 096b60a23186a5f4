"""Criterion 3: `/ready` tells the truth, at the root and at the service's path, of a server that comes back too."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from serving import wait_for

from items.service import service
from items.settings import Settings
from tenantry import Address
from tenantry.alembic import migrate, rollback
from tenantry.deployment import Deployment
from tenantry.postgres.embedded import EmbeddedServer

PATHS = ("/ready", "/readyz", "/items/ready", "/items/readyz", "/items/health/ready")


@contextmanager
def serving(address: Address) -> Iterator[str]:
    """Run the service as an operator does, told nothing but the story's variables; give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = address.hosts[0]
    told = {"DB_HOST": host.name, "DB_PORT": str(host.port), "DB_NAME": address.database, "DB_USER": "items_app"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ITEMS_", "DB_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "items.app:app", "--log-level", "warning", "--port", str(port)],
        env={**clean, **told, "ITEMS_DRAIN_GRACE": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while not is_alive(url):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


def is_alive(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/livez", timeout=1).status_code == 200
    except httpx2.TransportError:
        return False


async def test_ready_with_db(client: httpx2.AsyncClient) -> None:
    """Criterion 3: 200 with a working database, and it says what was looked at."""
    for path in PATHS:
        answer = await client.get(path) if path.startswith("/items") else await client.get(f"/items{path}")
        assert (answer.status_code, answer.json()["database"]) == (200, "connected")
    assert {"database:schema", "database:role", "database:pool"} <= set(answer.json()["checks"])


async def test_ready_without_db(own_server: EmbeddedServer, http: httpx2.AsyncClient) -> None:
    """Criterion 3, criterion 5: 503 within 2 s of the server's stop, 200 within 2 s of its return; no restart."""
    address = own_server.address("postgres")
    await migrate(Deployment(service, Settings(database_url=address.url)))
    with serving(address) as url:
        assert (await http.post(f"{url}/items", json={"name": "Lamp"})).status_code == 201
        for path in PATHS:
            assert (await http.get(url + path)).status_code == 200
        await asyncio.to_thread(own_server.stop)
        for path in PATHS:
            await wait_for(http, url + path, 503, within=2)
        refused = await http.get(f"{url}/items")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        with await asyncio.to_thread(own_server.lease):
            await wait_for(http, f"{url}/ready", 200, within=2)
            assert (await http.get(f"{url}/items?limit=1")).json()["total"] == 1


async def test_a_database_before_its_migration_is_not_ready(settings: Settings, client: httpx2.AsyncClient) -> None:
    await rollback(Deployment(service, settings), "-1")
    answer = await client.get("/items/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database:schema"][0]["status"] == "fail"
