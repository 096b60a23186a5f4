from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
from fastapi import FastAPI

from tenantry.fastapi.caching import NO_STORE
from tenantry.fastapi.creation import Creation

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def make_app() -> FastAPI:
    app = FastAPI()

    @app.post("/items", status_code=201)
    async def create(created: Creation) -> str:
        created.at(7)
        return "made"

    @app.post("/sign-in", dependencies=[NO_STORE])
    async def sign_in() -> str:
        return "a-token"

    return app


async def test_a_creation_says_where_the_new_thing_is(client: Client) -> None:
    """Below the path that was posted to, whatever the query."""
    async with client(make_app()) as http:
        answer = await http.post("/items?dry=1")
    assert (answer.status_code, answer.headers["Location"]) == (201, "/items/7")


async def test_the_path_of_a_mount_is_part_of_it(client: Client) -> None:
    outer = FastAPI()
    outer.mount("/shop", make_app())
    async with client(outer) as http:
        assert (await http.post("/shop/items")).headers["Location"] == "/shop/items/7"


async def test_an_answer_with_a_credential_is_kept_by_no_cache(client: Client) -> None:
    async with client(make_app()) as http:
        assert (await http.post("/sign-in")).headers["Cache-Control"] == "no-store"
        assert "Cache-Control" not in (await http.post("/items")).headers
