"""Whose requests are refused by the Host header: those that a page of another site sends by DNS rebinding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware

from tenantry.fastapi.allowed_hosts import LOOPBACK, AllowedHosts

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def allowing(names: str) -> FastAPI:
    app = FastAPI(middleware=[Middleware(AllowedHosts, allowed=lambda: names)])
    for path in ("/things", "/livez", "/readyz"):
        app.add_api_route(path, lambda: "here")
    return app


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        ("*", "evil.example", 200),
        ("*", "", 200),
        (LOOPBACK, "127.0.0.1:8000", 200),
        (LOOPBACK, "localhost", 200),
        (LOOPBACK, "LOCALHOST:9", 200),
        (LOOPBACK, "[::1]:8000", 200),
        (LOOPBACK, "evil.example", 400),
        (LOOPBACK, "localhost.evil.example:8000", 400),
        (LOOPBACK, "evil.example:127.0.0.1", 400),
        (LOOPBACK, "", 400),
        ("api.example.com, *.example.org", "api.example.com", 200),
        ("api.example.com, *.example.org", "a.b.example.org:443", 200),
        ("api.example.com, *.example.org", "example.org", 400),
        ("api.example.com, *.example.org", "evilexample.org", 400),
        ("", "localhost", 400),
        ("", "", 400),
    ],
)
async def test_only_allowed_hosts_are_served(client: Client, names: str, host: str, expected: int) -> None:
    async with client(allowing(names)) as http:
        answer = await http.get("/things", headers={"Host": host})
        assert answer.status_code == expected
        if expected != 200:
            assert answer.json()["code"] == "host_not_allowed"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_come_by_number(client: Client, path: str) -> None:
    """A balancer asks each process by its address, which is in no list."""
    async with client(allowing("api.example.com")) as http:
        assert (await http.get(path, headers={"Host": "10.0.3.17:8000"})).status_code == 200
