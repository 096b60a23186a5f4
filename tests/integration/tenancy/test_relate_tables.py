"""The page about relations: its models load as a service, and its code runs, without a warning of SQLAlchemy's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from textwrap import indent
from typing import Any

import bookshop
import pytest
from documents import ROOT, blocks

from tenantry import Address, Database

PAGE = ROOT / "docs" / "howto" / "relate-tables.md"
BLOCKS = [block for block in blocks(PAGE) if block.language == "python"]


@pytest.fixture
def names() -> dict[str, Any]:
    """The names that the page's definitions make."""
    found: dict[str, Any] = {"__name__": "relate_tables"}
    for block in BLOCKS:
        if block.note:
            exec(compile(block.text, str(block), "exec", dont_inherit=True), found)  # noqa: S102  # a page of the project
    return found


@pytest.fixture
async def database(names: dict[str, Any], empty_database: Address) -> AsyncIterator[Database]:
    metadata = names["Base"].metadata
    await bookshop.build(empty_database, metadata)
    opened = Database(bookshop.settings_for(empty_database), metadata=metadata, roles=bookshop.ROLES, name="bookshop")
    async with opened as database:
        yield database


async def test_the_code_of_the_page_runs(names: dict[str, Any], database: Database) -> None:
    names["database"] = database
    for block in BLOCKS:
        if not block.note:
            text = f"async def run():\n{indent(block.text, '    ')}\n    globals().update(locals())\n"
            exec(compile(text, str(block), "exec", dont_inherit=True), names)  # noqa: S102  # a page of the project
            await names["run"]()
    async with database.admin(reason="test") as session:
        for model in ("Employee", "Team", "Skill", "Assignment"):
            rows = (await session.scalars(names["select"](names[model]))).all()
            assert {row.tenant_id for row in rows} == {"acme"}
        query = names["select"](names["Team"]).options(names["selectinload"](names["Team"].seniors))
        (team,) = (await session.scalars(query)).all()
        assert [one.name for one in team.seniors] == ["Cy"]
