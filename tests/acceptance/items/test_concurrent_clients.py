"""Two clients at once: no change is lost, and nothing is created twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx2
import pytest

BODY = {"name": "Lamp", "description": "Brass"}


@pytest.fixture
async def lamp(client: httpx2.AsyncClient) -> httpx2.Response:
    return await client.post("/items", json=BODY)


async def test_every_answer_with_an_item_has_its_version(client: httpx2.AsyncClient, lamp: httpx2.Response) -> None:
    path = lamp.headers["Location"]
    read = await client.get(path)
    assert read.headers["ETag"] == lamp.headers["ETag"]
    changed = await client.put(path, json={"name": "x"}, headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != read.headers["ETag"]
    assert (await client.get(path)).headers["ETag"] == changed.headers["ETag"]


@pytest.mark.parametrize("name", ["x", None], ids=["a change", "no change"])
async def test_a_change_of_an_older_version_is_refused(
    client: httpx2.AsyncClient, lamp: httpx2.Response, name: str | None
) -> None:
    path, old = lamp.headers["Location"], {"If-Match": lamp.headers["ETag"]}
    other = (await client.put(path, json={"name": "of another editor"})).json()
    late = await client.put(path, json={"name": name}, headers=old)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await client.delete(path, headers=old)).status_code == 412
    assert (await client.get(path)).json() == other


@pytest.mark.parametrize(
    ("header", "status"),
    [("*", 200), ('"0", {tag}', 200), ("W/{tag}", 412), ('"0"', 412), ("nonsense", 412), ("", 412)],
)
async def test_if_match_is_read_as_its_standard_says(
    client: httpx2.AsyncClient, lamp: httpx2.Response, header: str, status: int
) -> None:
    """A list, a star; a weak tag matches nothing (RFC 9110, 13.1.1), and neither does what is no tag."""
    headers = {"If-Match": header.format(tag=lamp.headers["ETag"])}
    assert (await client.put(lamp.headers["Location"], json={"name": "x"}, headers=headers)).status_code == status


async def test_of_many_editors_of_one_version_one_is_let_through(
    client: httpx2.AsyncClient, lamp: httpx2.Response
) -> None:
    path = lamp.headers["Location"]
    for _ in range(5):
        headers = {"If-Match": (await client.get(path)).headers["ETag"]}
        answers = await asyncio.gather(
            *(client.put(path, json={"name": f"Editor {n}"}, headers=headers) for n in range(8))
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
        (won,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert (await client.get(path)).json() == won


async def test_without_if_match_the_last_editor_wins(client: httpx2.AsyncClient, lamp: httpx2.Response) -> None:
    """The story's PUT; it is the mutant of the test above: without the header a change is lost."""
    path = lamp.headers["Location"]
    answers = await asyncio.gather(*(client.put(path, json={"name": f"Editor {n}"}) for n in range(8)))
    assert {answer.status_code for answer in answers} == {200}


async def post(client: httpx2.AsyncClient, key: str, body: dict[str, Any] | None = None) -> httpx2.Response:
    return await client.post("/items", json=body or BODY, headers={"Idempotency-Key": key})


async def test_a_creation_that_is_sent_again_gets_the_first_answer(client: httpx2.AsyncClient) -> None:
    """Byte for byte, though the item was changed since, and a header says that it is a repetition."""
    first = await post(client, "k-1")
    await client.put(first.headers["Location"], json={"name": "changed"})
    again = await post(client, "k-1", {"description": "Brass", "name": "Lamp"})
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    for name in ("Location", "ETag", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert (await client.get("/items")).json()["total"] == 1


async def test_another_key_or_none_is_another_creation(client: httpx2.AsyncClient) -> None:
    await post(client, "k-1")
    await post(client, "k-2")
    await client.post("/items", json=BODY)
    assert (await client.get("/items")).json()["total"] == 3


async def test_a_key_is_not_taken_for_another_request(client: httpx2.AsyncClient) -> None:
    await post(client, "k-1")
    refused = await post(client, "k-1", {"name": "Something else"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await client.get("/items")).json()["total"] == 1


async def test_a_refused_creation_leaves_its_key_free(client: httpx2.AsyncClient) -> None:
    assert (await post(client, "k-1", {"name": ""})).status_code == 422
    assert (await post(client, "k-1")).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
async def test_what_is_no_key_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    answer = await client.post("/items", json=BODY, headers={b"Idempotency-Key": key.encode()})
    assert answer.status_code == 422


async def test_of_many_equal_creations_at_once_one_is_done(
    client: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    """The others wait for it and give the same answer."""
    for number in range(5):
        answers = await asyncio.gather(*(post(client, f"k-{number}") for _ in range(8)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 7
        assert await superuser.fetchval("SELECT count(*) FROM items") == number + 1


async def test_a_key_is_forgotten_after_its_time(client: httpx2.AsyncClient, superuser: asyncpg.Connection) -> None:
    """Then it is a new request, and what else has expired is removed with it."""
    for number in range(4):
        await post(client, f"k-{number}")
    await superuser.execute("UPDATE idempotency_keys SET expires_at = now() - interval '1 second'")
    answer = await post(client, "k-1", {"name": "Something else"})
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert [row["key"] for row in await superuser.fetch("SELECT key FROM idempotency_keys")] == ["k-1"]
