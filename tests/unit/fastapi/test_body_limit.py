from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.middleware import Middleware

from tenantry.fastapi.body_limit import BodyLimit
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.fastapi.problems import MEDIA_TYPE
from tenantry.fastapi.request_context import RequestContext

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def application() -> FastAPI:
    app = FastAPI(middleware=[Middleware(RequestContext), Middleware(BodyLimit, limit=100)])
    install_problem_handlers(app)

    @app.post("/json")
    async def as_json(body: dict[str, str]) -> int:
        return len(body)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    return app


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 10


@pytest.mark.parametrize("path", ["/json", "/raw"])
async def test_a_declared_length_over_the_limit_is_refused(client: Client, path: str) -> None:
    async with client(application()) as http:
        response = await http.post(path, content=b"x" * 101, headers={"content-type": "application/json"})
    assert (response.status_code, response.headers["content-type"]) == (413, MEDIA_TYPE)
    assert response.json()["code"] == "content_too_large"


@pytest.mark.parametrize("path", ["/json", "/raw"])
async def test_a_body_without_a_length_is_refused_while_it_comes(client: Client, path: str) -> None:
    async with client(application()) as http:
        response = await http.post(path, content=chunks(11), headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "content_too_large")


async def test_a_body_at_the_limit_passes(client: Client) -> None:
    async with client(application()) as http:
        assert (await http.post("/raw", content=b"x" * 100)).json() == 100
        assert (await http.post("/raw", content=chunks(10))).json() == 100


async def test_an_absurd_length_is_refused_without_trouble(client: Client) -> None:
    async with client(application()) as http:
        response = await http.post("/raw", content=b"", headers={"content-length": "9" * 5000})
    assert response.status_code == 413
