"""`POST /webhooks/servicedesk`: who cannot sign learns nothing, and nothing is accepted twice."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import asyncpg
import httpx2
import pytest
from servicedesk import SECRETS, signed, tenant_document

PATH = "/webhooks/servicedesk"
TICKET = {"delivery_id": "d-1", "ticket_id": "T-1", "context": {"priority": "high"}}


@pytest.fixture(autouse=True)
async def _acme_is_configured(acme: httpx2.AsyncClient) -> None:
    await acme.put("/tenants/acme", json=tenant_document())


async def test_a_signed_ticket_becomes_a_pending_enhancement(
    nobody: httpx2.AsyncClient, acme: httpx2.AsyncClient
) -> None:
    answer = await nobody.post(PATH, **signed(TICKET))
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    made = (await acme.get(f"/enhancements/{answer.json()['id']}")).json()
    assert (made["ticket_id"], made["status"]) == ("T-1", "pending")
    assert made["context_gathered"] == {"priority": "high"}


async def test_what_else_a_service_desk_sends_is_passed_over(nobody: httpx2.AsyncClient) -> None:
    assert (await nobody.post(PATH, **signed({**TICKET, "event": "created"}))).status_code == 202


def _tampered() -> dict[str, Any]:
    request = signed(TICKET)
    return {**request, "content": request["content"].replace(b"T-1", b"T-2")}


@pytest.mark.parametrize(
    "request_",
    [
        signed(TICKET, secret="another-secret-altogether"),
        signed(TICKET, secret=""),
        signed(TICKET, tenant="unknown"),
        signed(TICKET, tenant="unknown", secret=""),
        signed(TICKET, tenant=""),
        signed(TICKET, tenant="x" * 101),
        signed(TICKET, tenant="acme\t"),
        _tampered(),
        {"json": TICKET},
        {"json": TICKET, "headers": {"X-Tenant-ID": "acme"}},
        {"json": TICKET, "headers": {"X-Tenant-ID": "acme", "X-Signature": "sha256="}},
        {"json": TICKET, "headers": {"X-Tenant-ID": "acme", "X-Signature": "sha256=" + "0" * 64}},
        {"json": TICKET, "headers": {"X-Tenant-ID": "acme", "X-Signature": "sha1=" + "0" * 40}},
        {"content": b"no json at all", "headers": {"X-Tenant-ID": "acme"}},
    ],
)
async def test_who_cannot_sign_gets_one_answer(
    nobody: httpx2.AsyncClient, acme: httpx2.AsyncClient, request_: dict[str, Any]
) -> None:
    """The same for an unknown tenant, a malformed one and a wrong signature; and nothing is written."""
    answer = await nobody.post(PATH, **request_)
    assert answer.status_code == 401
    document = answer.json()
    del document["request_id"]
    assert document == {
        "type": "/problems/signature_invalid",
        "title": "Signature invalid",
        "status": 401,
        "code": "signature_invalid",
        "detail": "The tenant is unknown, or the signature does not match the body.",
        "instance": PATH,
    }
    assert (await acme.get("/enhancements")).json()["items"] == []


async def test_an_unknown_tenant_takes_as_long_as_a_known_one(nobody: httpx2.AsyncClient) -> None:
    """Comparable work on both ways, so that the time does not tell who is a customer."""
    body = {**TICKET, "context": {"more": "x" * 50_000}}
    ways = {tenant: signed(body, tenant=tenant, secret="not-the-secret-at-all") for tenant in ("acme", "unknown")}
    times: dict[str, list[float]] = {tenant: [] for tenant in ways}
    for _ in range(40):
        for tenant, request in ways.items():
            began = time.perf_counter()
            await nobody.post(PATH, **request)
            times[tenant].append(time.perf_counter() - began)
    known, unknown = (statistics.median(times[tenant]) for tenant in ways)
    assert 0.4 < known / unknown < 2.5


async def test_a_delivery_is_accepted_once(nobody: httpx2.AsyncClient, acme: httpx2.AsyncClient) -> None:
    assert (await nobody.post(PATH, **signed(TICKET))).status_code == 202
    again = await nobody.post(PATH, **signed(TICKET))
    assert (again.status_code, again.json()["code"]) == (409, "delivery_replayed")
    assert (await nobody.post(PATH, **signed({**TICKET, "delivery_id": "d-2"}))).status_code == 202
    assert len((await acme.get("/enhancements")).json()["items"]) == 2


async def test_of_a_delivery_sent_many_times_at_once_one_is_accepted(nobody: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(nobody.post(PATH, **signed(TICKET)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]


async def test_a_recorded_request_cannot_be_sent_under_another_id(nobody: httpx2.AsyncClient) -> None:
    """The delivery's id is part of what is signed: a header beside it changes nothing."""
    request = signed(TICKET)
    await nobody.post(PATH, **request)
    request["headers"]["X-Delivery-ID"] = "d-2"
    assert (await nobody.post(PATH, **request)).status_code == 409


async def test_a_delivery_that_was_refused_may_come_again(nobody: httpx2.AsyncClient) -> None:
    """What was wrong with it left nothing behind that would make the better one a replay."""
    assert (await nobody.post(PATH, **signed({**TICKET, "ticket_id": ""}))).status_code == 422
    assert (await nobody.post(PATH, **signed(TICKET))).status_code == 202


async def test_one_tenants_delivery_is_no_replay_of_anothers(
    nobody: httpx2.AsyncClient, globex: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    await globex.put("/tenants/globex", json=tenant_document(webhook_signing_secret="globex-signing-secret"))
    assert (await nobody.post(PATH, **signed(TICKET))).status_code == 202
    foreign = signed(TICKET, tenant="globex", secret="globex-signing-secret")
    assert (await nobody.post(PATH, **foreign)).status_code == 202
    assert (await nobody.post(PATH, **signed(TICKET, tenant="globex"))).status_code == 401
    rows = await superuser.fetch("SELECT tenant_id::text, delivery_id::text FROM webhook_deliveries")
    assert {tuple(row) for row in rows} == {("acme", "d-1"), ("globex", "d-1")}


async def test_a_new_secret_is_in_force_at_once(nobody: httpx2.AsyncClient, acme: httpx2.AsyncClient) -> None:
    await acme.put("/tenants/acme", json=tenant_document(webhook_signing_secret="a-new-signing-secret"))
    assert (await nobody.post(PATH, **signed(TICKET))).status_code == 401
    assert (await nobody.post(PATH, **signed(TICKET, secret="a-new-signing-secret"))).status_code == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json at all", 400),
        (b"", 400),
        (b'{"delivery_id": "d-1", "ticket_id": "T-1", "context": {"more": "\\ud800"}}', 400),
        (b"[]", 422),
        ({"ticket_id": "T-1"}, 422),
        ({"delivery_id": "d-1"}, 422),
        ({**TICKET, "delivery_id": ""}, 422),
        ({**TICKET, "delivery_id": "x" * 201}, 422),
        ({**TICKET, "ticket_id": "x" * 101}, 422),
        ({**TICKET, "ticket_id": "with\0NUL"}, 422),
        ({**TICKET, "context": "free text"}, 422),
        ({**TICKET, "context": {"more": "x" * 70_000}}, 422),
        (b'{"delivery_id": "d-1", "ticket_id": "T-1", "context": ' + b'{"a":' * 120 + b"1" + b"}" * 121, 422),
        (b" " * 1024 * 1025, 413),
    ],
)
async def test_what_cannot_be_accepted_is_refused(nobody: httpx2.AsyncClient, body: object, status: int) -> None:
    answer = await nobody.post(PATH, **signed(body))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert SECRETS["webhook_signing_secret"] not in answer.text
