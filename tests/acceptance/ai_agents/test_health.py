"""Criterion 6: health tells the truth, under the story's paths and at the root, of a server that comes back."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from servicedesk import serving, settings_for
from serving import wait_for

from ai_agents.app import create_app
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry import Address
from tenantry.alembic import migrate
from tenantry.deployment import Deployment
from tenantry.fastapi import issue_token
from tenantry.postgres.embedded import EmbeddedServer

PATHS = ("/health/ready", "/readyz", "/ai-agents/health/ready", "/ai-agents/readyz")


@pytest.fixture
async def own_settings(own_server: EmbeddedServer) -> Settings:
    settings = settings_for(own_server.address("postgres"))
    await migrate(Deployment(service, settings))
    return settings


async def test_health_down_and_up(own_server: EmbeddedServer, own_settings: Settings, http: httpx2.AsyncClient) -> None:
    """Criterion 6: 503 within 2 s of PostgreSQL's stop, 200 within 2 s of its return, without a restart."""
    token = issue_token(own_settings, "tester", "acme")
    with serving(own_settings) as url:
        api = f"{url}/ai-agents/enhancements"
        headers = {"Authorization": f"Bearer {token}"}
        for path in PATHS:
            assert (await http.get(url + path)).json()["database"] == "connected"
        assert (await http.post(api, json={"ticket_id": "T-1"}, headers=headers)).status_code == 201
        await asyncio.to_thread(own_server.stop)
        body = await wait_for(http, f"{url}/health/ready", 503, within=2)
        assert body["database"] == "disconnected"
        assert (await http.get(f"{url}/livez")).status_code == 200
        assert (await http.get(f"{url}/health")).status_code == 200
        refused = await http.get(api, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        with await asyncio.to_thread(own_server.lease):
            body = await wait_for(http, f"{url}/health/ready", 200, within=2)
            assert body["database"] == "connected"
            found = await http.get(api, headers=headers)
            assert [item["ticket_id"] for item in found.json()["items"]] == ["T-1"]


async def test_redis_is_asked_where_one_is_set(address: Address) -> None:
    """A Redis that does not answer makes the service unready, and is named; the database still is connected."""
    app = create_app(Deployment(service, settings_for(address, redis_url="redis://127.0.0.1:1/0")))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client,
    ):
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["redis"]) == ("connected", "disconnected")


async def test_ready_says_what_was_looked_at(nobody: httpx2.AsyncClient) -> None:
    """Criterion 6: 200, and what was looked at."""
    answer = await nobody.get("/health/ready")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/health+json"
    assert answer.json()["database"] == "connected"
    assert "redis" not in answer.json()
    assert {"database:schema", "database:role", "database:pool"} <= set(answer.json()["checks"])
