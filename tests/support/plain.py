"""A look at a database from outside: a connection that no toolkit watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tenantry import Address
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[asyncpg.Connection]:
    """Give a plain connection."""
    connection = await connect(StaticSource(address), deadline=10, application_name="tests")
    try:
        yield connection
    finally:
        await connection.close()
