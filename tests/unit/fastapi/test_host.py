"""Where a service's own path leads to, and that its resources cannot hide its health."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Request
from sqlalchemy import MetaData

from tenantry import DatabaseSettings, Roles, Service
from tenantry.fastapi.app import service_app
from tenantry.fastapi.hosting import Host, host

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def hosted() -> Host:
    router = APIRouter()

    @router.get("/")
    async def list_things(request: Request) -> list[str]:
        return [request.method, request.url.path, str(request.url.query)]

    @router.post("/", status_code=201)
    async def create_thing() -> str:
        return "created"

    @router.get("/{thing}")
    async def read_thing(thing: str) -> str:
        return thing

    roles = Roles(owner="o", application="a", admin="d")
    things = Service("things", DatabaseSettings, metadata=MetaData(), migrations=Path(), app="things:app", roles=roles)
    return host(service_app(things, [router]))


@pytest.mark.parametrize("path", ["/things", "/things/"])
async def test_a_services_path_is_its_root_without_a_redirect(client: Client, path: str) -> None:
    """A redirect would lose the body of a POST in many clients."""
    async with client(hosted()) as http:
        answer = await http.get(f"{path}?limit=1")
        assert (answer.status_code, answer.json()) == (200, ["GET", "/things/", "limit=1"])
        assert (await http.post(path)).status_code == 201


@pytest.mark.parametrize("path", ["/thing", "/thingsx", "/things//", "/x/things"])
async def test_only_that_path_is(client: Client, path: str) -> None:
    async with client(hosted()) as http:
        assert (await http.get(path)).status_code == 404


async def test_a_resource_at_the_root_hides_no_health(client: Client) -> None:
    """`/{thing}` would match `/things/livez`; what it may have is every other name."""
    async with client(hosted()) as http:
        assert (await http.get("/things/livez")).json() == {"status": "pass"}
        assert (await http.get("/things/lamp")).json() == "lamp"
