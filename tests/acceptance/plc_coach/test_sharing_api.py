"""A link opens one conversation to everybody, while it is switched on."""

from __future__ import annotations

import uuid

import asyncpg
import httpx2
import pytest
from coaching import Person


async def share(person: Person, conversation: str) -> str:
    answer = await person.http.put(f"/conversations/{conversation}/share")
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["share_token"]
    return token


async def test_everybody_reads_what_is_shared(ravi: Person, nobody: httpx2.AsyncClient) -> None:
    """Its title and its words; not who wrote it, what it cost, or what is meant for the assistant alone."""
    conversation = await ravi.begin("Exit tickets")
    await ravi.say(conversation, "You are a coach.", role="system")
    for number in range(3):
        await ravi.say(conversation, f"Message {number}", citations=[{"page": number}])
    token = await share(ravi, conversation)
    first = (await nobody.get(f"/shared/{token}", params={"limit": 2})).json()
    assert first["title"] == "Exit tickets"
    assert [item["content"] for item in first["items"]] == ["Message 0", "Message 1"]
    assert set(first["items"][0]) == {"role", "content", "citations", "created_at"}
    rest = (await nobody.get(f"/shared/{token}", params={"cursor": first["next_cursor"]})).json()
    assert [item["citations"] for item in rest["items"]] == [[{"page": 2}]]


async def test_each_token_opens_its_own_organisations_conversation(
    ravi: Person, hana: Person, nobody: httpx2.AsyncClient
) -> None:
    for person, title in ((ravi, "Riverside"), (hana, "Hilltop")):
        token = await share(person, await person.begin(title))
        assert (await nobody.get(f"/shared/{token}")).json()["title"] == title


async def test_a_token_that_is_off_and_one_that_never_was_are_alike(ravi: Person, nobody: httpx2.AsyncClient) -> None:
    conversation = await ravi.begin()
    token = await share(ravi, conversation)
    read = await nobody.get(f"/shared/{token}")
    # A cache on the way would go on with it when the link is switched off.
    assert (read.status_code, read.headers["cache-control"]) == (200, "no-store")
    assert (await ravi.http.delete(f"/conversations/{conversation}/share")).status_code == 204
    answers = [(await nobody.get(f"/shared/{one}")) for one in (token, "never-handed-out", str(uuid.uuid4()))]
    bodies = [{**answer.json(), "instance": "", "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "share_not_found"


async def test_switching_on_again_makes_another_token(ravi: Person, nobody: httpx2.AsyncClient) -> None:
    """While it is on the token stays; what was handed out before it was switched off stays dead."""
    conversation = await ravi.begin()
    token = await share(ravi, conversation)
    assert await share(ravi, conversation) == token
    await ravi.http.delete(f"/conversations/{conversation}/share")
    assert await share(ravi, conversation) != token
    assert (await nobody.get(f"/shared/{token}")).status_code == 404


async def test_a_deleted_conversation_is_shared_no_longer(ravi: Person, nobody: httpx2.AsyncClient) -> None:
    conversation = await ravi.begin()
    token = await share(ravi, conversation)
    await ravi.http.delete(f"/conversations/{conversation}")
    assert (await nobody.get(f"/shared/{token}")).status_code == 404


async def test_a_token_is_long_and_opens_one_conversation(
    ravi: Person, nobody: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    """It is no session, and nothing else of the organisation can be reached with it."""
    conversation, other = await ravi.begin("Shared"), await ravi.begin("Not shared")
    token = await share(ravi, conversation)
    assert len(token) >= 43
    answer = await nobody.get("/conversations", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert (await nobody.get(f"/shared/{other}")).status_code == 404
    assert await superuser.fetchval("SELECT count(*) FROM conversations WHERE share_token IS NOT NULL") == 1


@pytest.mark.parametrize("token", ["a.b", "x" * 65, "%00", "a%20b"])
async def test_what_cannot_be_a_token_is_refused(nobody: httpx2.AsyncClient, token: str) -> None:
    assert (await nobody.get(f"/shared/{token}")).status_code == 422
