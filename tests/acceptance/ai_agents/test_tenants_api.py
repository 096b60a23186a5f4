"""`PUT` and `GET /tenants/{tenant_id}`: a tenant's administrators configure it, and no secret ever comes back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from servicedesk import SECRETS, tenant_document
from sqlalchemy import select
from sqlalchemy.orm import undefer

from ai_agents.models import TenantConfig
from tenantry import Database


async def test_a_tenant_is_created_and_then_replaced(acme: httpx2.AsyncClient) -> None:
    created = await acme.put("/tenants/acme", json=tenant_document())
    assert created.status_code == 201
    replaced = await acme.put("/tenants/acme", json=tenant_document(name="Acme Corporation"))
    assert replaced.status_code == 200
    assert replaced.json()["id"] == created.json()["id"]
    assert replaced.json()["updated_at"] > created.json()["updated_at"]
    read = await acme.get("/tenants/acme")
    assert read.status_code == 200
    assert read.json() == replaced.json()
    assert read.json()["name"] == "Acme Corporation"


async def test_no_secret_leaves_the_api(acme: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in an answer, nor in a problem, nor in a line of the log."""
    caplog.set_level(logging.DEBUG)
    answers = [
        await acme.put("/tenants/acme", json=tenant_document()),
        await acme.put("/tenants/acme", json=tenant_document()),
        await acme.put("/tenants/acme", json=tenant_document(name="")),
        await acme.put("/tenants/acme", json={**tenant_document(), "unknown": 1}),
        await acme.put("/tenants/acme", json=tenant_document(webhook_signing_secret="too-short")),
        await acme.get("/tenants/acme"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 422, 422, 422, 200]
    told = "".join(answer.text for answer in answers) + caplog.text
    for secret in (*SECRETS.values(), "too-short"):
        assert secret not in told
    assert not [name for name in answers[-1].json() if "secret" in name or "key" in name]


async def test_a_secret_that_is_left_out_stays(acme: httpx2.AsyncClient, database: Database) -> None:
    await acme.put("/tenants/acme", json=tenant_document())
    without = {name: value for name, value in tenant_document().items() if name not in SECRETS}
    answer = await acme.put("/tenants/acme", json={**without, "servicedesk_api_key": "another-key"})
    assert answer.status_code == 200
    everything = (undefer(TenantConfig.servicedesk_api_key), undefer(TenantConfig.webhook_signing_secret))
    async with database.tenant("acme", read_only=True) as session:
        row = (await session.scalars(select(TenantConfig).options(*everything))).one()
    assert row.servicedesk_api_key == "another-key"
    assert row.webhook_signing_secret == SECRETS["webhook_signing_secret"]


@pytest.mark.parametrize("missing", SECRETS)
async def test_a_new_tenant_must_bring_both_secrets(acme: httpx2.AsyncClient, missing: str) -> None:
    document = {name: value for name, value in tenant_document().items() if name != missing}
    answer = await acme.put("/tenants/acme", json=document)
    assert answer.status_code == 422
    assert answer.json()["code"] == "secret_required"
    assert missing in answer.json()["detail"]
    assert (await acme.get("/tenants/acme")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("exists", [True, False])
async def test_another_tenants_id_is_not_found(
    acme: httpx2.AsyncClient, globex: httpx2.AsyncClient, method: str, *, exists: bool
) -> None:
    """Whether or not there is such a tenant, and for every verb."""
    if exists:
        await globex.put("/tenants/globex", json=tenant_document(name="Globex"))
    answer = await acme.request(method, "/tenants/globex", json=tenant_document() if method == "PUT" else None)
    assert answer.status_code == 404
    assert answer.json()["code"] == "tenant_not_found"
    if exists:
        assert (await globex.get("/tenants/globex")).json()["name"] == "Globex"


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_only_administrators_configure(speak: Callable[..., httpx2.AsyncClient], method: str) -> None:
    """Without the scope 403 for the own tenant, and still 404 for another one; without a token 401."""
    document = tenant_document() if method == "PUT" else None
    agent = speak("acme", "agent")
    answer = await agent.request(method, "/tenants/acme", json=document)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert (await agent.request(method, "/tenants/globex", json=document)).status_code == 404
    answer = await speak().request(method, "/tenants/acme", json=document)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 256),
        ("name", "with\0NUL"),
        ("servicedesk_url", "desk.example"),
        ("servicedesk_url", "ftp://desk.example/"),
        ("servicedesk_url", "https://user:password@desk.example/"),
        ("servicedesk_url", "https://desk.example/" + "x" * 500),
        ("servicedesk_url", "https://desk.example/" + "ü" * 200),
        ("servicedesk_api_key", ""),
        ("webhook_signing_secret", "x" * 15),
        ("enhancement_preferences", {"llm_model": ""}),
        ("enhancement_preferences", {"llm_model": 4}),
        ("enhancement_preferences", {"max_context_length": 0}),
        ("enhancement_preferences", {"max_context_length": "many"}),
        ("enhancement_preferences", {"more": "x" * 70_000}),
        ("enhancement_preferences", []),
        *[("enhancement_preferences", nested(levels)) for levels in (101, *range(249, 254))],
        ("servicedesk_api_key", "half a pair \ud800"),
        ("webhook_signing_secret", "half a pair, long enough \ud800"),
        ("servicedesk_password", "an unknown field"),
    ],
)
async def test_what_cannot_be_accepted_is_refused(acme: httpx2.AsyncClient, field: str, value: Any) -> None:
    # As ASCII, because half of a surrogate pair has no other form on the wire.
    content = json.dumps(tenant_document(**{field: value}))
    answer = await acme.put("/tenants/acme", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [one for one in answer.json()["errors"] if one["field"].startswith(f"body.{field}")]
    assert "password@" not in answer.text


async def test_preferences_are_kept_known_or_not(acme: httpx2.AsyncClient) -> None:
    """The schema is flexible: what is unknown today is stored, and given back."""
    preferences = {"llm_model": "gpt-4o-mini", "max_context_length": 500, "tone": {"formal": [True, None, 1.5]}}
    answer = await acme.put("/tenants/acme", json=tenant_document(enhancement_preferences=preferences))
    assert answer.json()["enhancement_preferences"] == preferences
    assert (await acme.get("/tenants/acme")).json()["enhancement_preferences"] == preferences


async def test_two_that_create_one_tenant_at_once_make_one_tenant(acme: httpx2.AsyncClient) -> None:
    """One creates it; each other finds it created, before or after it has looked."""
    answers = await asyncio.gather(*(acme.put("/tenants/acme", json=tenant_document()) for _ in range(6)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
