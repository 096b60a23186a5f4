"""A bearer credential that stands in a table leads to its tenant and row, by the model's declared lookup."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Annotated

import bookshop
import httpx2
import pytest
from bookshop import Author
from fastapi import FastAPI

from tenantry import Address, Database
from tenantry.fastapi.credentials import found_by_bearer
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.tenancy.lookup import TenantMatch

TOKEN = uuid.UUID("9f8a1c5e-4b1f-4d57-8f0e-3f1b9a2f7c10")
EMAIL = "a@acme.example"


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    """The bookshop's database, opened as the application."""
    async with bookshop.open_database(bookshop.settings_for(shop_address)) as database:
        yield database


@pytest.fixture
async def client(shop: Database) -> httpx2.AsyncClient:
    """An API that tells whom a credential leads to; one author can be found."""
    app = FastAPI()
    app.state.database = shop
    install_problem_handlers(app)

    @app.get("/by-token")
    async def by_token(match: Annotated[TenantMatch, found_by_bearer(Author, "token")]) -> str:
        return str(match.tenant)

    @app.get("/by-email")
    async def by_email(match: Annotated[TenantMatch, found_by_bearer(Author, "email")]) -> str:
        return str(match.tenant)

    async with shop.tenant("acme") as session:
        session.add(Author(name="A", email=EMAIL, token=TOKEN))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service")


@pytest.mark.parametrize(("path", "credential"), [("/by-token", str(TOKEN)), ("/by-email", EMAIL)])
async def test_a_credential_leads_to_its_tenant(client: httpx2.AsyncClient, path: str, credential: str) -> None:
    """Be it a UUID or text."""
    answer = await client.get(path, headers={"Authorization": f"Bearer {credential}"})
    assert (answer.status_code, answer.json()) == (200, "acme")


@pytest.mark.parametrize("path", ["/by-token", "/by-email"])
@pytest.mark.parametrize("header", [{}, "Bearer", "Bearer nonsense", f"Bearer {uuid.UUID(int=7)}", f"Basic {TOKEN}"])
async def test_what_leads_nowhere_is_one_answer(client: httpx2.AsyncClient, path: str, header: object) -> None:
    """Missing, malformed, unknown and of another scheme are told alike."""
    answer = await client.get(path, headers={"Authorization": header} if isinstance(header, str) else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_what_is_switched_off_leads_nowhere(shop: Database, client: httpx2.AsyncClient) -> None:
    """The lookup's own condition says so: authors of this name are hidden."""
    hidden = uuid.uuid4()
    async with shop.tenant("acme") as session:
        session.add(Author(name="hidden", token=hidden))
    assert (await client.get("/by-token", headers={"Authorization": f"Bearer {hidden}"})).status_code == 401
