"""Criteria 4 and 6: the story's endpoints, each against a real database, under the names of the story's scenarios."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import httpx2
import pytest


async def create(client: httpx2.AsyncClient, name: str = "Lamp", **values: Any) -> dict[str, Any]:
    answer = await client.post("/items", json={"name": name, **values})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_create_item(client: httpx2.AsyncClient, superuser: asyncpg.Connection) -> None:
    """Criterion 4, criterion 6: POST returns the item with 201; the row is in the database when the answer arrives."""
    answer = await client.post("/items", json={"name": "Lamp", "description": "Brass"})
    assert answer.status_code == 201
    item = answer.json()
    assert set(item) == {"id", "name", "description", "created_at", "updated_at"}
    assert answer.headers["Location"] == f"/items/{item['id']}"
    row = await superuser.fetchrow("SELECT id::text, name, description FROM items")
    assert dict(row) == {key: item[key] for key in ("id", "name", "description")}
    assert (await client.get(answer.headers["Location"])).json() == item


async def test_list_items(client: httpx2.AsyncClient) -> None:
    """Criterion 4: GET returns the items, the newest first, with their total."""
    assert (await client.get("/items")).json() == {"items": [], "total": 0, "next_cursor": None}
    made = [await create(client, f"Item {n}") for n in range(5)]
    answer = await client.get("/items?limit=2&offset=1")
    assert answer.status_code == 200
    assert answer.json()["total"] == 5
    assert answer.json()["items"] == [made[3], made[2]]


async def test_list_items_of_one_name(client: httpx2.AsyncClient) -> None:
    await create(client, "Chair")
    lamp = await create(client, "Lamp")
    answer = (await client.get("/items", params={"name": "Lamp"})).json()
    assert (answer["items"], answer["total"]) == ([lamp], 1)


async def test_list_items_by_cursor(client: httpx2.AsyncClient) -> None:
    """A page by offset leads on by cursor; an item that is created meanwhile shifts nothing."""
    made = [(await create(client, f"Item {n}"))["id"] for n in range(5)]
    first = (await client.get("/items?limit=2&offset=1")).json()
    await create(client, "Later")
    second = (await client.get("/items", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[3::-1]
    assert (second["total"], second["next_cursor"]) == (6, None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=1000001", "cursor=nonsense", "cursor=x&offset=1"]
)
async def test_a_page_that_cannot_be_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/items?{query}")).status_code == 422


@pytest.mark.parametrize("path", ["/items", "/items/"])
async def test_the_services_path_needs_no_redirect(client: httpx2.AsyncClient, path: str) -> None:
    """A client that does not follow redirects gets its answer, with or without the slash."""
    assert (await client.get(path, params={"limit": 1})).status_code == 200
    assert (await client.post(path, json={"name": "Lamp"})).status_code == 201


async def test_get_item_by_id(client: httpx2.AsyncClient) -> None:
    """Criterion 4: GET returns that item and no other."""
    item = await create(client)
    await create(client, "Another")
    answer = await client.get(f"/items/{item['id']}")
    assert (answer.status_code, answer.json()) == (200, item)


@pytest.mark.parametrize("key", [str(uuid.UUID(int=0)), "1", "not-a-uuid"])
async def test_get_item_not_found(client: httpx2.AsyncClient, key: str) -> None:
    """Criterion 4: 404 for an id that no item has, and for what can be none; the same for PUT and DELETE."""
    await create(client)
    for answer in (
        await client.get(f"/items/{key}"),
        await client.put(f"/items/{key}", json={"name": "x"}),
        await client.put(f"/items/{key}", json={"name": "x"}, headers={"If-Match": '"1"'}),
        await client.delete(f"/items/{key}"),
        await client.delete(f"/items/{key}", headers={"If-Match": '"1"'}),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_update_item(client: httpx2.AsyncClient) -> None:
    """Criterion 4: PUT updates and returns the item; what is not sent stays, and only updated_at moves besides."""
    item = await create(client, description="Brass")
    answer = await client.put(f"/items/{item['id']}", json={"name": "Chandelier"})
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == {**item, "name": "Chandelier", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > item["updated_at"]
    assert (await client.get(f"/items/{item['id']}")).json() == changed


async def test_update_item_removes_a_description_but_no_name(client: httpx2.AsyncClient) -> None:
    item = await create(client, description="Brass")
    path = f"/items/{item['id']}"
    changed = (await client.put(path, json={"name": None, "description": None})).json()
    assert (changed["name"], changed["description"]) == ("Lamp", None)


async def test_update_item_with_nothing_leaves_it_as_it_is(client: httpx2.AsyncClient) -> None:
    item = await create(client)
    answer = await client.put(f"/items/{item['id']}", json={})
    assert (answer.status_code, answer.json()) == (200, item)


async def test_delete_item(client: httpx2.AsyncClient, superuser: asyncpg.Connection) -> None:
    """Criterion 4: DELETE returns 204 without a body; the row is gone, and a second time there is nothing to remove."""
    item = await create(client)
    answer = await client.delete(f"/items/{item['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await superuser.fetchval("SELECT count(*) FROM items") == 0
    assert (await client.get(f"/items/{item['id']}")).status_code == 404
    assert (await client.delete(f"/items/{item['id']}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"name": "\t"},
        {"name": None},
        {"name": "x" * 256},
        {"name": "a\0b"},
        {"name": 7},
        {"name": "x", "description": "a\0b"},
        {"name": "x", "id": str(uuid.uuid4())},
        [],
    ],
)
async def test_what_is_no_item_is_refused(client: httpx2.AsyncClient, body: object) -> None:
    """422, and nothing is written."""
    answer = await client.post("/items", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert (await client.get("/items")).json()["total"] == 0


async def test_a_name_may_be_as_long_as_its_column(client: httpx2.AsyncClient) -> None:
    """255 characters, whatever they take in UTF-8."""
    assert (await create(client, "\N{BLACK HEART SUIT}" * 255))["name"] == "\N{BLACK HEART SUIT}" * 255
