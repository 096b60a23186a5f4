"""`/enhancements`: asked for, listed by pages, read, and finished once; each tenant sees its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg
import httpx2
import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def ask(client: httpx2.AsyncClient, ticket: str = "T-1", **more: Any) -> dict[str, Any]:
    answer = await client.post("/enhancements", json={"ticket_id": ticket, **more})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_an_enhancement_begins_pending(acme: httpx2.AsyncClient) -> None:
    answer = await acme.post("/enhancements", json={"ticket_id": "T-1", "context_gathered": {"priority": "high"}})
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/enhancements/{made['id']}"
    expected = {
        "id": made["id"],
        "ticket_id": "T-1",
        "status": "pending",
        "context_gathered": {"priority": "high"},
        "llm_output": None,
        "error_message": None,
        "processing_time_ms": None,
        "created_at": made["created_at"],
        "completed_at": None,
    }
    assert made == expected
    assert (await acme.get(answer.headers["Location"])).json() == expected


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_pending_enhancement_is_finished_once(acme: httpx2.AsyncClient, status: str) -> None:
    """The first to finish it wins; `completed_at` is the database's time."""
    made = await ask(acme)
    outcome = {"status": status, "llm_output": "Restart it.", "error_message": "slow", "processing_time_ms": 1840}
    first = await acme.patch(f"/enhancements/{made['id']}", json=outcome)
    assert first.status_code == 200
    assert first.json() == {**made, **outcome, "completed_at": first.json()["completed_at"]}
    assert datetime.fromisoformat(first.json()["completed_at"]) >= datetime.fromisoformat(made["created_at"])
    again = await acme.patch(f"/enhancements/{made['id']}", json={"status": "completed"})
    assert (again.status_code, again.json()["code"]) == (409, "enhancement_finished")
    assert (await acme.get(f"/enhancements/{made['id']}")).json() == first.json()


async def test_of_workers_that_race_one_finishes_it(acme: httpx2.AsyncClient) -> None:
    made = await ask(acme)
    patches = [acme.patch(f"/enhancements/{made['id']}", json={"status": "completed"}) for _ in range(8)]
    statuses = [answer.status_code for answer in await asyncio.gather(*patches)]
    assert sorted(statuses) == [200, *[409] * 7]


async def test_what_the_outcome_leaves_out_stays(acme: httpx2.AsyncClient) -> None:
    made = await ask(acme, context_gathered={"priority": "high"})
    finished = await acme.patch(f"/enhancements/{made['id']}", json={"status": "completed"})
    assert finished.json()["context_gathered"] == {"priority": "high"}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_another_tenants_enhancement_is_not_found(
    acme: httpx2.AsyncClient, globex: httpx2.AsyncClient, method: str
) -> None:
    """Criterion 4: it is as if it were not there, and stays as it is."""
    made = await ask(globex)
    body = {"status": "failed"} if method == "PATCH" else None
    foreign = await acme.request(method, f"/enhancements/{made['id']}", json=body)
    unknown = await acme.request(method, f"/enhancements/{UNKNOWN}", json=body)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "enhancement_not_found")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "enhancement_not_found")
    assert (await globex.get(f"/enhancements/{made['id']}")).json() == made
    assert (await acme.get("/enhancements")).json()["items"] == []


async def test_a_list_is_filtered(acme: httpx2.AsyncClient) -> None:
    first, second = await ask(acme, "T-1"), await ask(acme, "T-2")
    await acme.patch(f"/enhancements/{first['id']}", json={"status": "failed"})

    async def ids(**query: str) -> list[str]:
        return [item["id"] for item in (await acme.get("/enhancements", params=query)).json()["items"]]

    assert await ids() == [second["id"], first["id"]]
    assert await ids(ticket_id="T-2") == [second["id"]]
    assert await ids(status="failed") == [first["id"]]
    assert await ids(status="failed", ticket_id="T-2") == []
    assert await ids(ticket_id="T-3") == []


async def test_pages_neither_skip_nor_repeat(acme: httpx2.AsyncClient, superuser: asyncpg.Connection) -> None:
    """Also where rows have one time, and while others are being inserted."""
    await superuser.execute(
        "INSERT INTO enhancement_history (tenant_id, ticket_id, status, created_at)"
        " SELECT 'acme', 'T-' || n, 'pending', timestamptz '2026-01-01' + (n / 4) * interval '1 second'"
        " FROM generate_series(1, 25) AS n"
    )
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "7", **({"cursor": cursor} if cursor else {})}
        page = (await acme.get("/enhancements", params=query)).json()
        seen += [item["ticket_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["items"]) == 7
        await ask(acme, "T-newer")
    assert len(seen) == 25
    assert set(seen) == {f"T-{number}" for number in range(1, 26)}


async def test_a_cursor_shows_nobody_elses_rows(acme: httpx2.AsyncClient, globex: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await ask(globex)
    cursor = (await globex.get("/enhancements", params={"limit": "1"})).json()["next_cursor"]
    assert (await acme.get("/enhancements", params={"cursor": cursor})).json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {}),
        ("POST", "", {"ticket_id": ""}),
        ("POST", "", {"ticket_id": "x" * 101}),
        ("POST", "", {"ticket_id": "with\0NUL"}),
        ("POST", "", {"ticket_id": "T-1", "context_gathered": [1]}),
        ("POST", "", {"ticket_id": "T-1", "context_gathered": {"more": "x" * 70_000}}),
        ("POST", "", {"ticket_id": "T-1", "tenant_id": "globex"}),
        ("GET", "?limit=0", None),
        ("GET", "?limit=201", None),
        ("GET", "?status=queued", None),
        ("GET", "?cursor=made-up", None),
        ("GET", "/no-uuid", None),
        ("PATCH", f"/{UNKNOWN}", {"status": "pending"}),
        ("PATCH", f"/{UNKNOWN}", {"status": "completed", "processing_time_ms": -1}),
        ("PATCH", f"/{UNKNOWN}", {"status": "completed", "processing_time_ms": 2**31}),
        ("PATCH", f"/{UNKNOWN}", {"status": "completed", "created_at": "2026-01-01T00:00:00Z"}),
    ],
)
async def test_what_cannot_be_accepted_is_refused(
    acme: httpx2.AsyncClient, method: str, path: str, body: object
) -> None:
    answer = await acme.request(method, f"/enhancements{path}", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await acme.get("/enhancements")).json()["items"] == []


@pytest.mark.parametrize("text", ['{"more": NaN}', '{"more": "\\ud800"}', '{"more": "\\u0000"}', "[" * 10_000])
async def test_what_json_cannot_hold_is_refused(acme: httpx2.AsyncClient, text: str) -> None:
    """Nor what it can hold and no operator of PostgreSQL can read: a NUL character."""
    body = f'{{"ticket_id": "T-1", "context_gathered": {text}}}'
    answer = await acme.post("/enhancements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("levels", [101, 200, *range(251, 258), 300, 5000])
async def test_an_object_that_is_too_deep_is_refused(acme: httpx2.AsyncClient, levels: int) -> None:
    """At every depth: one that parses and one that does not, one that can be stored and one that cannot be answered."""
    body = f'{{"ticket_id": "T-1", "context_gathered": {deep(levels)}}}'
    answer = await acme.post("/enhancements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert (await acme.get("/enhancements")).json()["items"] == []


async def test_an_object_of_a_hundred_levels_is_stored_and_listed(acme: httpx2.AsyncClient) -> None:
    body = f'{{"ticket_id": "T-1", "context_gathered": {deep(100)}}}'
    answer = await acme.post("/enhancements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text
    assert len((await acme.get("/enhancements")).json()["items"]) == 1


def deep(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


async def test_a_token_names_the_tenant(speak: Callable[..., httpx2.AsyncClient]) -> None:
    """Without a token 401; with one that names no tenant 403."""
    assert (await speak().get("/enhancements")).status_code == 401
    assert (await speak("").get("/enhancements")).status_code == 403
