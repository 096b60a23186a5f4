"""The page on rotating keys: its program seals anew what an older key sealed, and its question counts by key."""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from documents import ROOT, blocks
from plain import connected
from servicedesk import settings_for, tenant_row, variables_of

from ai_agents.service import service
from tenantry import Address, KeyRing
from tenantry.deployment import Deployment
from tenantry.migrations import migrate

PAGE = ROOT / "docs" / "howto" / "rotate-keys.md"


def block(language: str) -> str:
    (found,) = [one.text for one in blocks(PAGE) if one.language == language]
    return textwrap.dedent(found)


async def keys_in_use(address: Address) -> dict[str, int]:
    async with connected(address) as connection:
        return {row["key"]: row["count"] for row in await connection.fetch(block("sql"))}


async def test_the_program_of_the_page_seals_anew(empty_database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both tenants' secrets name the old key before, the new one afterwards, and still open."""
    old = KeyRing.generate("k1")
    settings = settings_for(empty_database, encryption_keys=old.text)
    await migrate(Deployment(service, settings))
    async with Deployment(service, settings).database() as database:
        for tenant in ("acme", "globex"):
            async with database.tenant(tenant) as session:
                session.add(tenant_row(tenant))
    assert await keys_in_use(empty_database) == {"k1": 2}

    rotated = settings_for(empty_database, encryption_keys=old.rotate("k2").text)
    for name, value in variables_of(rotated).items():
        monkeypatch.setenv(name, value)
    page: dict[str, Any] = {}
    exec(block("python"), page)  # noqa: S102  (the page's own program is what is under test)
    seal_anew: Callable[[], Awaitable[None]] = page["seal_anew"]
    await seal_anew()
    assert await keys_in_use(empty_database) == {"k2": 2}
