"""Requests over HTTP while the schema changes under the warm connections of the pool."""

from __future__ import annotations

import asyncio
import itertools

import bookshop_api
import httpx2
import pytest

from tenantry import Address

CHANGES = (
    "ALTER TABLE authors ALTER email TYPE text",
    "ALTER TABLE authors ALTER email TYPE varchar(300)",
    "ALTER TABLE authors ADD nickname text",
    "ALTER TABLE authors DROP token; ALTER TABLE authors ADD token uuid UNIQUE",
    "ALTER TABLE authors ALTER name TYPE varchar(500)",
)


@pytest.mark.parametrize("clients", [5, 16])
async def test_no_request_of_one_statement_fails(http: httpx2.AsyncClient, shop_address: Address, clients: int) -> None:
    """Clients read and write all the time; five migrations change a type or a column meanwhile."""
    is_over = asyncio.Event()
    statuses: list[int] = []
    headers = bookshop_api.token()

    async def client(number: int) -> None:
        for turn in itertools.count():
            if (number + turn) % 3 == 0:
                answer = await http.post("/authors", json={"name": f"{number}"}, headers=headers)
            else:
                answer = await http.get("/authors", headers=headers)
            statuses.append(answer.status_code)
            if is_over.is_set():
                return

    running = [asyncio.create_task(client(number)) for number in range(clients)]
    for change in CHANGES:
        await asyncio.sleep(0.3)
        await bookshop_api.execute(shop_address, change)
    await asyncio.sleep(0.3)
    is_over.set()
    await asyncio.gather(*running)
    assert len(statuses) > 10 * clients
    assert set(statuses) == {200, 201}
