"""Another organisation's ids are not found, whatever is asked of them, and the tables hold it by themselves."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx2
import pytest
from coaching import HILLTOP, RIVERSIDE, Person, axis
from fastapi import FastAPI
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from plc_coach.models import Base, Conversation, Message, MessageEmbedding, User, UserSession
from tenantry import Database, errors
from tenantry.postgres.sqlstate import sqlstate_of

MESSAGE = {"role": "user", "content": "Hello"}

# Every route that takes an id, and a body that would do for one's own.
ROUTES = [
    ("GET", "/conversations/{conversation}", None),
    ("PATCH", "/conversations/{conversation}", {"title": "Taken over"}),
    ("DELETE", "/conversations/{conversation}", None),
    ("GET", "/conversations/{conversation}/totals", None),
    ("GET", "/conversations/{conversation}/messages", None),
    ("POST", "/conversations/{conversation}/messages", MESSAGE),
    ("PUT", "/conversations/{conversation}/share", None),
    ("DELETE", "/conversations/{conversation}/share", None),
    ("PUT", "/messages/{message}/feedback", {"score": 1}),
    ("PUT", "/messages/{message}/embedding", {"embedding": axis(0)}),
]


@pytest.fixture
async def theirs(ravi: Person) -> dict[str, str]:
    """A conversation of Riverside with a message."""
    conversation = await ravi.begin("Riverside's own")
    message = await ravi.say(conversation, "Riverside's words")
    await ravi.place(message["id"], axis(0))
    return {"conversation": conversation, "message": message["id"]}


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda value: str(value)[:40])
async def test_another_organisations_id_is_not_found(
    hana: Person, theirs: dict[str, str], superuser: asyncpg.Connection, method: str, path: str, body: object
) -> None:
    """Even for its admin; the answer is that of an id that never was, and nothing has changed."""
    before = await superuser.fetch("SELECT * FROM conversations ORDER BY id")
    answer = await hana.http.request(method, path.format(**theirs), json=body)
    never = dict.fromkeys(theirs, "00000000-0000-4000-8000-000000000000")
    unknown = await hana.http.request(method, path.format(**never), json=body)
    assert (answer.status_code, answer.json()["code"]) == (unknown.status_code, unknown.json()["code"])
    assert answer.status_code == 404
    assert await superuser.fetch("SELECT * FROM conversations ORDER BY id") == before
    assert await superuser.fetchval("SELECT count(*) FROM messages WHERE feedback_score IS NULL") == 1


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda value: str(value)[:40])
async def test_without_a_session_nothing_is_answered(
    nobody: httpx2.AsyncClient, theirs: dict[str, str], method: str, path: str, body: object
) -> None:
    assert (await nobody.request(method, path.format(**theirs), json=body)).status_code == 401


def test_no_route_with_an_id_is_left_out(application: FastAPI) -> None:
    """The list above is the API's own."""
    found = {
        (method.upper(), path)
        for path, operations in application.openapi()["paths"].items()
        for method in operations
        if "_id}" in path
    }
    assert found == {(method, path.replace("}", "_id}")) for method, path, _ in ROUTES}


async def test_listing_and_searching_stay_at_home(hana: Person, theirs: dict[str, str]) -> None:
    assert (await hana.http.get("/conversations")).json()["items"] == []
    assert (await hana.http.post("/search", json={"embedding": axis(0), "k": 100})).json() == []


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_a_table_shows_an_organisation_its_rows_alone(
    database: Database, hana: Person, theirs: dict[str, str], superuser: asyncpg.Connection, table: str
) -> None:
    """Textual SQL has no predicate of the toolkit's: this is row security alone."""
    everything = await superuser.fetchval(f"SELECT count(*) FROM {table}")
    counts = {}
    for organization in (RIVERSIDE, HILLTOP):
        async with database.tenant(organization, read_only=True) as session:
            counts[organization] = await session.scalar(text(f"SELECT count(*) FROM {table}"))
    assert counts[RIVERSIDE] > 0
    assert sum(counts.values()) == everything
    await superuser.execute("SET ROLE plc_coach_app")
    assert await superuser.fetchval(f"SELECT count(*) FROM {table}") == 0
    with pytest.raises(errors.TenantRequired):
        async with database.session(read_only=True) as session:
            await session.execute(text(f"SELECT count(*) FROM {table}"))


async def test_a_row_cannot_be_given_away_or_hung_on_another_organisations(
    database: Database, ravi: Person, hana: Person, theirs: dict[str, str]
) -> None:
    """Policies check what is written; references carry the organisation, for their checks pass policies by."""
    attacks: dict[str, list[Any]] = {
        "42501": [
            insert(Conversation).values(organization_id=RIVERSIDE, user_id=ravi.id, title="Planted"),
            update(Conversation).values(organization_id=RIVERSIDE),
        ],
        "23503": [
            insert(Conversation).values(user_id=ravi.id, title="Hung on"),
            insert(UserSession).values(user_id=ravi.id, expires_at=text("now() + interval '1 day'")),
            insert(Message).values(conversation_id=theirs["conversation"], role="user", content="Planted"),
            insert(MessageEmbedding).values(message_id=theirs["message"], embedding=axis(0)),
        ],
    }
    await hana.begin()
    for state, statements in attacks.items():
        for statement in statements:
            with pytest.raises(DBAPIError) as caught:
                async with database.tenant(HILLTOP) as session:
                    await session.execute(statement)
            assert sqlstate_of(caught.value) == state


async def test_a_session_leads_to_its_own_organisation_only(database: Database, ravi: Person, hana: Person) -> None:
    """What the lookups tell is the organisation and the row's id, of exactly the key that was asked for."""
    match = await database.find_tenant(UserSession, id=ravi.session_id)
    assert match is not None
    assert (match.tenant, str(match.key)) == (RIVERSIDE, ravi.session_id)
    found = await database.find_tenant(User, email="hana@school.example")
    assert found is not None
    assert (found.tenant, str(found.key)) == (HILLTOP, hana.id)
    async with database.tenant(HILLTOP, read_only=True) as session:
        assert (await session.scalars(select(User.email))).all() == ["hana@school.example"]
