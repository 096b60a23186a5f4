"""The documentation of a service: complete without internet, under a content policy, and possible to switch off."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from sqlalchemy import MetaData

from tenantry import DatabaseSettings, Roles, Service
from tenantry.fastapi.app import service_app
from tenantry.fastapi.hosting import host

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]
PATHS = ["/", "/docs", "/openapi.json", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]


def documented(*, api_docs: bool = True) -> Any:
    router = APIRouter()

    @router.get("/things/{thing}")
    async def read_thing(thing: str) -> str:
        return thing

    roles = Roles(owner="o", application="a", admin="d")
    things = Service("things", DatabaseSettings, metadata=MetaData(), migrations=Path(), app="things:app", roles=roles)
    app = service_app(things, [router])
    app.state.settings = SimpleNamespace(api_docs=api_docs)
    return host(app)


@pytest.fixture
async def http(client: Client) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(documented()) as opened:
        yield opened


async def test_the_page_loads_from_its_own_server_alone(http: httpx2.AsyncClient) -> None:
    """Every address of the page answers here, with the type that `nosniff` needs."""
    page = await http.get("/things/docs")
    loaded = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(loaded) == 3
    for address in loaded:
        assert address.startswith("/things/docs/")
        answer = await http.get(address)
        expected = "text/css" if address.endswith(".css") else "text/javascript"
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, expected)
    assert "://" not in page.text


async def test_the_policy_allows_nothing_of_others_and_nothing_inline(http: httpx2.AsyncClient) -> None:
    page = await http.get("/things/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []


async def test_the_document_says_where_the_service_is(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/things/openapi.json")).json()
    assert document["servers"] == [{"url": "/things"}]
    assert not [path for path in document["paths"] if "docs" in path or "openapi" in path]


async def test_another_file_is_not_served(http: httpx2.AsyncClient) -> None:
    for file in ("favicon.png", "..%2f__init__.py", "%2e%2e/core.py"):
        assert (await http.get(f"/things/docs/{file}")).status_code == 404


@pytest.mark.parametrize("path", PATHS)
async def test_it_can_be_switched_off(client: Client, path: str) -> None:
    async with client(documented(api_docs=False)) as http:
        assert (await http.get(f"/things{path}")).status_code == 404
        assert (await http.get("/things/things/x")).json() == "x"


@pytest.mark.parametrize("path", PATHS[1:])
async def test_a_redirect_names_no_host(client: Client, path: str) -> None:
    """The Host header is the client's; an address made of it would lead wherever it says."""
    async with client(documented()) as http:
        first = await http.get("/things/", headers={"Host": "evil.example"})
        assert first.headers["location"] == "/things/docs"
        assert "location" not in (await http.get(f"/things{path}/", headers={"Host": "evil.example"})).headers
