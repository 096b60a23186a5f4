"""Ask for k, get k, and never a row of somebody else's."""

from __future__ import annotations

import math
import random
import re
import uuid

import asyncpg
import pytest
from coaching import DIMENSIONS, RIVERSIDE, Person, axis
from plans import plan_of
from sqlalchemy import select, text

from plc_coach.models import MessageEmbedding
from tenantry import Database, fetch_nearest

CROWD, OWN, K = uuid.UUID(int=0xC << 64), uuid.UUID(int=0xD << 64), 10

# Everything of an organisation that its embeddings refer to.
ROOT = """
    WITH u AS (INSERT INTO users (organization_id, email, name) VALUES ($1, $2, 'U') RETURNING id)
    INSERT INTO conversations (organization_id, user_id, title) SELECT $1, id, 'T' FROM u RETURNING id
"""
MESSAGES = """
    INSERT INTO messages (organization_id, conversation_id, role, content)
    SELECT $1, $2, 'user', 'C' FROM generate_series(1, $3) RETURNING id
"""


def point(chance: random.Random) -> list[float]:
    """Return a random direction near one of a few, as embeddings of texts lie."""
    centre = random.Random(chance.randrange(20))
    return [centre.gauss(0, 1) + chance.gauss(0, 0.7) for _ in range(DIMENSIONS)]


def cosine(a: list[float], b: list[float]) -> float:
    return 1 - sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


async def fill(
    connection: asyncpg.Connection, organization: uuid.UUID, points: list[list[float]]
) -> dict[uuid.UUID, list[float]]:
    """Put in embeddings of an organisation, and return them by message."""
    conversation = await connection.fetchval(ROOT, organization, f"{organization}@school.example")
    rows = await connection.fetch(MESSAGES, organization, conversation, len(points))
    placed = {row["id"]: vector for row, vector in zip(rows, points, strict=True)}
    await connection.executemany(
        "INSERT INTO message_embeddings (organization_id, message_id, embedding) VALUES ($1, $2, $3::text::vector)",
        [(organization, message, str(vector)) for message, vector in placed.items()],
    )
    return placed


async def test_the_nearest_come_first(ravi: Person) -> None:
    """With their distances, whatever length the vectors were sent in."""
    conversation = await ravi.begin()
    for lean in (0.2, 0.0, 0.1):
        message = await ravi.say(conversation, f"lean {lean}")
        await ravi.place(message["id"], [value * 50 for value in axis(0, lean, towards=1)])
    far = await ravi.say(conversation, "far")
    await ravi.place(far["id"], axis(2))
    await ravi.say(conversation, "nowhere")
    answer = await ravi.http.post("/search", json={"embedding": axis(0), "k": 10})
    found = answer.json()
    assert [item["content"] for item in found] == ["lean 0.0", "lean 0.1", "lean 0.2", "far"]
    assert [round(item["distance"], 3) for item in found] == [0.0, 0.005, 0.019, 1.0]
    assert [item["content"] for item in (await ravi.http.post("/search", json={"embedding": axis(0), "k": 1})).json()]


async def test_a_message_that_is_placed_again_moves(ravi: Person) -> None:
    message = await ravi.say(await ravi.begin())
    for place in (axis(0), axis(1)):
        await ravi.place(message["id"], place)
    (found,) = (await ravi.http.post("/search", json={"embedding": axis(1)})).json()
    assert found["distance"] == pytest.approx(0, abs=1e-6)


async def test_an_educator_finds_the_educators_own(ravi: Person, rosa: Person) -> None:
    """Who sees the organisation's conversations finds in all of them."""
    for person in (ravi, rosa):
        message = await person.say(await person.begin(), person.id)
        await person.place(message["id"], axis(0))
    own = (await ravi.http.post("/search", json={"embedding": axis(0)})).json()
    assert [item["content"] for item in own] == [ravi.id]
    everybodys = (await rosa.http.post("/search", json={"embedding": axis(0)})).json()
    assert {item["content"] for item in everybodys} == {ravi.id, rosa.id}


async def test_nothing_is_written_by_a_search(ravi: Person, superuser: asyncpg.Connection) -> None:
    await superuser.execute("REVOKE INSERT, UPDATE, DELETE ON message_embeddings FROM plc_coach_app")
    assert (await ravi.http.post("/search", json={"embedding": axis(0)})).json() == []


@pytest.mark.parametrize(
    "body",
    [
        {"embedding": [1.0]},
        {"embedding": [0.0] * DIMENSIONS},
        {"embedding": [1e-30] * DIMENSIONS},
        {"embedding": [1e300] * DIMENSIONS},
        {"embedding": ["a"] * DIMENSIONS},
        {"embedding": axis(0), "k": 0},
        {"embedding": axis(0), "k": 101},
        {"k": 10},
    ],
    ids=["short", "zero", "too small", "too large", "no numbers", "none", "too many", "nothing"],
)
async def test_a_vector_must_have_a_direction(ravi: Person, body: object) -> None:
    assert (await ravi.http.post("/search", json=body)).status_code == 422


async def test_ask_for_k_get_k_beside_a_crowd(database: Database, superuser: asyncpg.Connection) -> None:
    """In one partition, 12 rows among 1,500 of others that lie nearer: the organisation's own nearest are found."""
    chance = random.Random(7)
    crowd = await _neighbour(superuser)
    query = point(chance)
    await fill(superuser, crowd, [[value + chance.gauss(0, 0.05) for value in query] for _ in range(1500)])
    own = await fill(superuser, OWN, [point(chance) for _ in range(12)])
    await superuser.execute("ANALYZE message_embeddings")
    exact = sorted(own, key=lambda message: cosine(own[message], query))[:K]
    distance = MessageEmbedding.embedding.cosine_distance(query)
    for planner in ("on", "off"):
        async with database.tenant(OWN, read_only=True) as session:
            # With it off, the planner has the vector's index or nothing.
            await session.execute(text(f"SET LOCAL enable_sort = {planner}"))
            rows = await fetch_nearest(session, select(MessageEmbedding.message_id), distance, K)
            assert [row.message_id for row in rows] == exact


async def test_a_search_that_comes_back_short_is_done_exactly(
    database: Database, superuser: asyncpg.Connection
) -> None:
    """A mutant of the fallback: with the index alone, and a scan that stops early, rows are missing."""
    chance = random.Random(8)
    crowd = await _neighbour(superuser)
    query = point(chance)
    await fill(superuser, crowd, [[value + chance.gauss(0, 0.05) for value in query] for _ in range(800)])
    own = await fill(superuser, OWN, [point(chance) for _ in range(K)])
    await superuser.execute("ANALYZE message_embeddings")
    distance = MessageEmbedding.embedding.cosine_distance(query)
    async with database.tenant(OWN, read_only=True) as session:
        stop = "SET LOCAL enable_sort = off", "SET LOCAL hnsw.max_scan_tuples = 1", "SET LOCAL hnsw.ef_search = 10"
        for statement in stop:
            await session.execute(text(statement))
        alone = select(MessageEmbedding.message_id).order_by(distance).limit(K)
        plan = await plan_of(session, alone)
        assert re.search(r"Index Scan using message_embeddings_p\d\d_embedding_idx", plan), plan
        assert len((await session.scalars(alone)).all()) < K
        rows = await fetch_nearest(session, select(MessageEmbedding.message_id), distance, K, ef_search=10)
    assert {row.message_id for row in rows} == set(own)


async def test_recall_is_near_one_within_an_organisation(database: Database, superuser: asyncpg.Connection) -> None:
    """By the index, for an organisation with half of the rows; docs/explanation/vectors.md has the large table."""
    chance = random.Random(9)
    own = await fill(superuser, OWN, [point(chance) for _ in range(1000)])
    await fill(superuser, CROWD, [point(chance) for _ in range(1000)])
    await superuser.execute("ANALYZE message_embeddings")
    hits = 0
    async with database.tenant(OWN, read_only=True) as session:
        await session.execute(text("SET LOCAL enable_sort = off"))
        for _ in range(10):
            query = point(chance)
            distance = MessageEmbedding.embedding.cosine_distance(query)
            rows = await fetch_nearest(session, select(MessageEmbedding.message_id), distance, K)
            assert len(rows) == K
            hits += len({row.message_id for row in rows} & set(sorted(own, key=lambda m: cosine(own[m], query))[:K]))
    assert hits >= 95


async def test_one_partition_is_planned_for(database: Database, ravi: Person) -> None:
    """Though the statement has parameters and the policy a sub-select: the explicit predicate prunes the others."""
    async with database.tenant(RIVERSIDE, read_only=True) as session:
        distance = MessageEmbedding.embedding.cosine_distance(axis(0))
        plan = await plan_of(session, select(MessageEmbedding.message_id).order_by(distance).limit(K))
    assert len(set(re.findall(r"on (message_embeddings_p\d\d)", plan))) == 1


async def _neighbour(connection: asyncpg.Connection) -> uuid.UUID:
    """Return an organisation whose rows lie in the partition of OWN."""
    query = """
        SELECT id FROM (SELECT md5(n::text)::uuid AS id FROM generate_series(1, 1000) AS n) AS candidates
        WHERE satisfies_hash_partition('message_embeddings'::regclass, 32, (
            SELECT r FROM generate_series(0, 31) AS r
            WHERE satisfies_hash_partition('message_embeddings'::regclass, 32, r, $1::uuid)), id)
        LIMIT 1
    """
    found: uuid.UUID = await connection.fetchval(query, OWN)
    return found
