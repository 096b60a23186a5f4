from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse

from tenantry.fastapi.request import current_request_id, note_tenant, request_id_from
from tenantry.fastapi.request_context import RequestContext

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def nested() -> FastAPI:
    """A host with a service mounted, whose router has prefixes of its own, as real ones have."""
    inner, outer = APIRouter(prefix="/items"), APIRouter(prefix="/shelves/{shelf}")

    @inner.get("/{item}")
    async def read(shelf: str, item: str) -> dict[str, str | None]:
        note_tenant("acme")
        return {"id": current_request_id()}

    outer.include_router(inner)
    service = FastAPI(middleware=[Middleware(RequestContext)])
    service.include_router(outer)

    @service.get("/readyz")
    async def readyz() -> None: ...

    @service.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @service.get("/torn")
    async def torn() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise ZeroDivisionError

        return StreamingResponse(body())

    root = FastAPI(middleware=[Middleware(RequestContext)])
    root.mount("/shop", service)
    return root


def access(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "tenantry.access"]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "tenantry.access")
    return caplog


async def test_a_request_is_logged_once_with_its_whole_template(
    client: Client, logged: pytest.LogCaptureFixture
) -> None:
    async with client(nested()) as http:
        await http.get("/shop/shelves/a/items/b?token=hunter2", headers={"authorization": "Bearer hunter3"})
    (record,) = access(logged)
    assert (record.method, record.route, record.status) == ("GET", "/shop/shelves/{shelf}/items/{item}", 200)
    assert record.duration_ms >= 0
    assert "hunter" not in str(vars(record))


async def test_one_id_goes_through_all_layers_and_comes_back(client: Client) -> None:
    async with client(nested()) as http:
        response = await http.get("/shop/shelves/a/items/b", headers={"x-request-id": "trace-1"})
    assert response.json() == {"id": "trace-1"}
    assert response.headers.get_list("x-request-id") == ["trace-1"]


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "line\nbreak", "é", '"'])
def test_an_id_that_is_not_sane_is_replaced(given: str | None) -> None:
    made = request_id_from(given)
    assert made != given
    assert len(made) == 32


async def test_outside_of_a_request_there_is_no_id(client: Client) -> None:
    async with client(nested()) as http:
        await http.get("/shop/readyz")
    assert current_request_id() is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/nowhere/a-token", "/..."),
        ("/shop/shelves/a/items/a-token/", "/shop/..."),
        ("/shop//shelves/a/items/a-token", "/shop/..."),
        ("/shop/shelves/a/items/a-token/more", "/shop/..."),
        ("//shop/shelves/a/items/a-token", "/..."),
        ("/shop/shelves/a/items/a-token%0aforged", "/..."),
    ],
)
async def test_no_path_is_logged_but_a_template(
    client: Client, logged: pytest.LogCaptureFixture, sent: str, kept: str
) -> None:
    """A share link with a slash too many matches no route, and still contains its token."""
    async with client(nested()) as http:
        await http.get(sent)
    assert [kept in record.getMessage() for record in access(logged)][:1] == [True]
    assert "a-token" not in str([vars(record) for record in access(logged)])


async def test_a_browser_must_not_guess_the_type(client: Client) -> None:
    """Also of an answer that no route gave."""
    async with client(nested()) as http:
        for path in ("/shop/shelves/a/items/b", "/nowhere", "/shop/broken", "/shop/readyz"):
            assert (await http.get(path)).headers["X-Content-Type-Options"] == "nosniff"


async def test_a_probe_that_is_content_is_not_worth_a_line(client: Client, logged: pytest.LogCaptureFixture) -> None:
    async with client(nested()) as http:
        await http.get("/shop/readyz")
    assert [record.levelname for record in access(logged)] == ["DEBUG"]


async def test_an_answer_that_broke_off_is_passed_to_the_server(client: Client) -> None:
    """Only the server can end half an answer, by closing the connection."""
    async with client(nested()) as http:
        with pytest.raises(ZeroDivisionError):
            await http.get("/shop/torn")


async def test_what_nobody_foresaw_is_a_problem_at_every_depth(
    client: Client, logged: pytest.LogCaptureFixture
) -> None:
    """The framework's own last answer, inside a mounted service, would be plain text."""
    async with client(nested()) as http:
        response = await http.get("/shop/broken")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.headers["X-Request-ID"] == response.json()["request_id"]
    assert [record.status for record in access(logged) if hasattr(record, "status")] == [500]
