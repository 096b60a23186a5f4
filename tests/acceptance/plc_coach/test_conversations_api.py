"""Conversations: begun, listed, renamed, archived, deleted; by role within the organisation."""

from __future__ import annotations

import asyncpg
import pytest
from coaching import Person


async def test_a_conversation_is_begun(ravi: Person) -> None:
    answer = await ravi.http.post("/conversations", json={"title": "  Lesson   study "})
    assert answer.status_code == 201
    begun = answer.json()
    assert (begun["title"], begun["status"], begun["user_id"]) == ("Lesson study", "active", ravi.id)
    assert begun["share_enabled"] is False
    assert answer.headers["Location"] == f"/conversations/{begun['id']}"
    assert (await ravi.http.get(answer.headers["Location"])).json() == begun


async def test_pages_hold_every_conversation_once(ravi: Person) -> None:
    """The newest first, by a cursor, while others are begun."""
    begun = [await ravi.begin(f"Conversation {number}") for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await ravi.http.get("/conversations", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await ravi.begin("Begun meanwhile")
    assert seen == begun[::-1]


async def test_a_listing_can_be_of_one_state(ravi: Person) -> None:
    kept, archived = await ravi.begin(), await ravi.begin()
    await ravi.http.patch(f"/conversations/{archived}", json={"status": "archived"})
    for status, wanted in (("active", kept), ("archived", archived)):
        page = (await ravi.http.get("/conversations", params={"status": status})).json()
        assert [item["id"] for item in page["items"]] == [wanted]


async def test_renaming_moves_updated_at(ravi: Person) -> None:
    conversation = await ravi.begin()
    before = (await ravi.http.get(f"/conversations/{conversation}")).json()
    answer = await ravi.http.patch(f"/conversations/{conversation}", json={"title": "Peer review"})
    after = answer.json()
    assert (answer.status_code, after["title"], after["status"]) == (200, "Peer review", "active")
    assert after["updated_at"] > before["updated_at"]
    assert after["created_at"] == before["created_at"]


async def test_an_archived_conversation_takes_no_messages(ravi: Person) -> None:
    conversation = await ravi.begin()
    await ravi.http.patch(f"/conversations/{conversation}", json={"status": "archived"})
    path, body = f"/conversations/{conversation}/messages", {"role": "user", "content": "Hello"}
    refused = await ravi.http.post(path, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_archived")
    await ravi.http.patch(f"/conversations/{conversation}", json={"status": "active"})
    assert (await ravi.http.post(path, json=body)).status_code == 201


async def test_deleting_takes_the_messages_along(ravi: Person, superuser: asyncpg.Connection) -> None:
    conversation = await ravi.begin()
    message = await ravi.say(conversation)
    await ravi.place(message["id"], [1.0] * 384)
    assert (await ravi.http.delete(f"/conversations/{conversation}")).status_code == 204
    assert (await ravi.http.get(f"/conversations/{conversation}")).status_code == 404
    counts = "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM message_embeddings)"
    assert await superuser.fetchval(counts) == 0


async def test_totals_add_up(ravi: Person) -> None:
    """Tokens and cost of a conversation, exact to the millionth of a dollar."""
    conversation = await ravi.begin()
    empty = (await ravi.http.get(f"/conversations/{conversation}/totals")).json()
    assert empty == {"messages": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": "0"}
    for _ in range(3):
        await ravi.say(conversation, input_tokens=100, output_tokens=7, cost_usd="0.000001")
    await ravi.say(await ravi.begin(), input_tokens=1_000_000)
    totals = (await ravi.http.get(f"/conversations/{conversation}/totals")).json()
    assert totals == {"messages": 3, "input_tokens": 300, "output_tokens": 21, "cost_usd": "0.000003"}


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "\x00"}, {"title": "x" * 101}, {"title": 7}])
async def test_a_title_must_be_one(ravi: Person, body: object) -> None:
    assert (await ravi.http.post("/conversations", json=body)).status_code == 422


async def test_an_educator_sees_the_educators_own(ravi: Person, rosa: Person, ruth: Person) -> None:
    """A coach sees those of the organisation, and an admin does too; each is not found by who does not see it."""
    others = {await person.begin(person.id) for person in (rosa, ruth)}
    own = await ravi.begin()
    assert {item["id"] for item in (await ravi.http.get("/conversations")).json()["items"]} == {own}
    for person in (rosa, ruth):
        found = {item["id"] for item in (await person.http.get("/conversations")).json()["items"]}
        assert found == {own, *others}
    for conversation in others:
        assert (await ravi.http.get(f"/conversations/{conversation}")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"title": "Taken over"}),
        ("DELETE", "", None),
        ("POST", "/messages", {"role": "user", "content": "Hello"}),
        ("PUT", "/share", None),
        ("DELETE", "/share", None),
    ],
)
async def test_a_coach_reads_and_an_admin_changes(
    ravi: Person, rosa: Person, ruth: Person, method: str, path: str, body: object
) -> None:
    conversation = await ravi.begin()
    assert (await rosa.http.get(f"/conversations/{conversation}")).status_code == 200
    refused = await rosa.http.request(method, f"/conversations/{conversation}{path}", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    assert (await ruth.http.request(method, f"/conversations/{conversation}{path}", json=body)).is_success
