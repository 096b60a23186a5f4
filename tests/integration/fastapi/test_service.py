"""The application on a real database: what a client reads, and what the database holds then."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import bookshop
import httpx2
import pytest
from bookshop_api import execute, make_app, settings_for, started, token

from tenantry import Address, errors
from tenantry.fastapi.problems import MEDIA_TYPE

GLOBEX = "globex"


async def names(http: httpx2.AsyncClient, tenant: str = "acme") -> list[str]:
    response = await http.get("/authors?limit=200", headers=token(tenant))
    return [item["name"] for item in response.json()["items"]]


async def test_what_was_answered_is_committed(http: httpx2.AsyncClient) -> None:
    response = await http.post("/authors", json={"name": "Ada"}, headers=token())
    assert response.status_code == 201
    assert await names(http) == ["Ada"]


async def test_another_tenant_sees_nothing_of_it(http: httpx2.AsyncClient) -> None:
    made = (await http.post("/authors", json={"name": "Ada"}, headers=token())).json()
    assert await names(http, GLOBEX) == []
    response = await http.get(f"/authors/{made['id']}", headers=token(GLOBEX))
    assert (response.status_code, response.headers["content-type"]) == (404, MEDIA_TYPE)


@pytest.mark.parametrize("path", ["/authors", "/unflushed"])
async def test_a_duplicate_is_a_conflict_also_when_only_the_commit_finds_it(
    http: httpx2.AsyncClient, path: str
) -> None:
    """A commit after the response would have told the client 201."""
    body = {"name": "Ada", "id": str(uuid.uuid4())}
    await http.post("/authors", json=body, headers=token())
    response = await http.post(path, json=body, headers=token())
    assert (response.status_code, response.json()["code"]) == (409, "author_taken")
    assert await names(http) == ["Ada"]


async def test_a_value_that_postgresql_cannot_hold_is_422(http: httpx2.AsyncClient) -> None:
    response = await http.post("/authors", json={"name": "A\0da"}, headers=token())
    assert (response.status_code, response.json()["code"]) == (422, "value_invalid")


async def test_a_tenant_that_cannot_be_one_is_422(http: httpx2.AsyncClient) -> None:
    response = await http.get("/authors", headers=token("x" * 300))
    assert (response.status_code, response.json()["code"]) == (422, "tenant_invalid")


async def test_a_statement_that_takes_too_long_is_504(shop_address: Address) -> None:
    settings = settings_for(shop_address, database_statement_timeout=0.3)
    async with started(make_app(settings)) as http:
        response = await http.post("/sleep", headers=token())
    assert (response.status_code, response.json()["code"]) == (504, "database_timeout")


async def test_a_busy_pool_is_503_within_its_timeout(shop_address: Address) -> None:
    changes: dict[str, Any] = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout": 0.3}
    async with started(make_app(settings_for(shop_address, **changes, database_statement_timeout=2))) as http:
        sleeping = asyncio.create_task(http.post("/sleep", headers=token()))
        await asyncio.sleep(0.2)
        response = await http.get("/authors", headers=token())
        await sleeping
    assert (response.status_code, response.json()["code"]) == (503, "pool_timeout")
    assert "retry-after" in response.headers


async def test_work_across_tenants_needs_the_scope_and_sees_all(http: httpx2.AsyncClient) -> None:
    for tenant in ("acme", GLOBEX):
        await http.post("/authors", json={"name": "Ada"}, headers=token(tenant))
    assert (await http.get("/admin/count", headers=token())).status_code == 403
    assert (await http.get("/admin/count", headers=token(None, "admin"))).json() == 2


async def test_a_hundred_requests_of_two_tenants_do_not_mix(http: httpx2.AsyncClient) -> None:
    async def create(number: int) -> None:
        tenant = ("acme", GLOBEX)[number % 2]
        response = await http.post("/authors", json={"name": f"{tenant}-{number}"}, headers=token(tenant))
        assert response.status_code == 201

    await asyncio.gather(*(create(number) for number in range(100)))
    for tenant in ("acme", GLOBEX):
        found = await names(http, tenant)
        assert len(found) == 50
        assert all(name.startswith(tenant) for name in found)


async def test_it_does_not_start_as_an_owner(shop_address: Address) -> None:
    await execute(shop_address, f"ALTER TABLE books OWNER TO {bookshop.ROLES.application}")
    with pytest.raises(errors.UnsafeRole):
        async with started(make_app(settings_for(shop_address))):
            pytest.fail("It serves as an owner.")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE authors RENAME COLUMN name TO full_name",
        "ALTER TABLE authors RENAME TO writers",
        """
        ALTER TABLE books DROP CONSTRAINT fk_books_tenant_id_author_id_authors;
        ALTER TABLE authors ALTER COLUMN id TYPE text
        """,
    ],
    ids=["a column", "a table", "a type"],
)
async def test_a_schema_of_another_revision_is_503_and_a_defect_at_the_right_one_is_500(
    shop_address: Address, change: str
) -> None:
    """Only while the database is not at the revision of the build: then a migration or a deployment is under way."""
    await execute(shop_address, change)
    settings = settings_for(shop_address)
    async with started(make_app(settings, revision="0002")) as http:
        response = await http.get(f"/authors/{uuid.uuid4()}", headers=token())
        assert (response.status_code, response.json()["code"]) == (503, "schema_mismatch")
        assert "retry-after" in response.headers
        assert (await http.get("/readyz")).status_code == 503
    async with started(make_app(settings)) as http:
        response = await http.get(f"/authors/{uuid.uuid4()}", headers=token())
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")


async def test_a_refused_row_is_403_at_any_revision(shop_address: Address) -> None:
    """A missing privilege has the same SQLSTATE as a foreign row, which must not look like a deployment."""
    await execute(shop_address, f"REVOKE SELECT ON authors FROM {bookshop.ROLES.application}")
    async with started(make_app(settings_for(shop_address), revision="0002")) as http:
        response = await http.get(f"/authors/{uuid.uuid4()}", headers=token())
    assert response.status_code == 403
