"""Messages: appended in order, listed, liked."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from coaching import Person

CITATION = {"source": "Embedded formative assessment", "page": 12, "parts": [{"line": 3}]}


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


async def test_a_message_is_appended_with_what_it_cost(ravi: Person) -> None:
    conversation = await ravi.begin()
    answer = await ravi.say(
        conversation,
        "Begin with one question.",
        role="assistant",
        citations=[CITATION],
        domains=["assessment", "équité"],
        input_tokens=120,
        output_tokens=48,
        cost_usd="0.001234",
    )
    assert (answer["role"], answer["content"]) == ("assistant", "Begin with one question.")
    assert (answer["citations"], answer["domains"]) == ([CITATION], ["assessment", "équité"])
    assert (answer["input_tokens"], answer["output_tokens"], answer["cost_usd"]) == (120, 48, "0.001234")
    assert answer["feedback_score"] is None
    page = (await ravi.http.get(f"/conversations/{conversation}/messages")).json()
    assert page == {"items": [answer], "next_cursor": None}


async def test_messages_keep_the_order_in_which_they_were_appended(ravi: Person) -> None:
    """Those sent at once stand in one order, with times that tell it, and each page continues the last."""
    conversation = await ravi.begin()
    for number in range(3):
        await ravi.say(conversation, f"first {number}")
    await asyncio.gather(*(ravi.say(conversation, f"at once {number}") for number in range(6)))
    await ravi.say(conversation, "last")
    seen: list[dict[str, str]] = []
    cursor = None
    while True:
        query = {"limit": "4", **({"cursor": cursor} if cursor else {})}
        page = (await ravi.http.get(f"/conversations/{conversation}/messages", params=query)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    words = [item["content"] for item in seen]
    assert words[:3] == ["first 0", "first 1", "first 2"]
    assert words[-1] == "last"
    assert len(words) == 10
    times = [item["created_at"] for item in seen]
    assert times == sorted(set(times))


async def test_a_message_moves_its_conversation(ravi: Person) -> None:
    conversation = await ravi.begin()
    before = (await ravi.http.get(f"/conversations/{conversation}")).json()["updated_at"]
    await ravi.say(conversation)
    assert (await ravi.http.get(f"/conversations/{conversation}")).json()["updated_at"] > before


async def test_feedback_is_given_and_taken_back(ravi: Person) -> None:
    message = await ravi.say(await ravi.begin())
    for score in (5, 1, None):
        answer = await ravi.http.put(f"/messages/{message['id']}/feedback", json={"score": score})
        assert (answer.status_code, answer.json()["feedback_score"]) == (200, score)


@pytest.mark.parametrize("body", [{"score": 0}, {"score": 6}, {"score": "good"}, {}])
async def test_a_score_is_between_one_and_five(ravi: Person, body: object) -> None:
    message = await ravi.say(await ravi.begin())
    assert (await ravi.http.put(f"/messages/{message['id']}/feedback", json=body)).status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "tool"},
        {"content": ""},
        {"content": "a\x00b"},
        {"input_tokens": -1},
        {"output_tokens": 2**31},
        {"cost_usd": "-0.01"},
        {"cost_usd": "0.0000001"},
        {"cost_usd": "1000000"},
        {"cost_usd": "NaN"},
        {"citations": {"source": "no list"}},
        {"citations": [{"source": "\x00"}]},
        {"citations": [{"source": "x" * 70000}]},
        *[{"citations": [nested(levels)]} for levels in (101, *range(249, 254))],
        {"domains": [""]},
        {"tenant": "globex"},
    ],
    ids=lambda fields: repr(fields)[:60],
)
async def test_a_message_that_cannot_be_stored_is_refused(ravi: Person, fields: dict[str, object]) -> None:
    conversation = await ravi.begin()
    body = {"role": "user", "content": "Hello", **fields}
    answer = await ravi.http.post(f"/conversations/{conversation}/messages", json=body)
    assert answer.status_code == 422, answer.text


async def test_what_is_written_is_what_is_stored(ravi: Person, superuser: asyncpg.Connection) -> None:
    text = "Zeichen: äöü, 漢字, 👩‍🏫, a\u2028b, \\u0000 spelt out"
    message = await ravi.say(await ravi.begin(), text, citations=[{"quote": text.replace("\\u0000", "")}])
    assert message["content"] == text
    row = await superuser.fetchrow("SELECT content, organization_id::text AS organization FROM messages")
    assert row["content"] == text
