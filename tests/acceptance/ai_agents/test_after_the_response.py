"""Background tasks and streams: a route's own session is refused there, and the guide's way works in the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
from documents import ROOT, blocks
from fastapi import APIRouter, BackgroundTasks, FastAPI
from sqlalchemy import select
from starlette.responses import StreamingResponse

from ai_agents.models import EnhancementHistory
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry import AdminSession, Database, Deployment, ReadSession, TenantSession, errors
from tenantry.fastapi import (
    Caller,
    PrincipalReadSession,
    PrincipalSession,
    admin_session,
    issue_token,
    require_scope,
    service_app,
    unscoped_read_session,
    unscoped_session,
)

PAGE = ROOT / "docs" / "howto" / "work-after-the-response.md"
TICKETS = select(EnhancementHistory.ticket_id).order_by(EnhancementHistory.ticket_id)

careless = APIRouter()

Administration = Annotated[AdminSession, admin_session("test", allowed=require_scope("admin"))]
Unscoped = Annotated[TenantSession, unscoped_session()]
UnscopedReading = Annotated[ReadSession, unscoped_read_session()]


async def _add_later(session: Any) -> None:
    session.add(EnhancementHistory(ticket_id="lost", status="pending"))
    await session.flush()


async def _read_later(session: Any) -> None:
    await session.execute(TICKETS)


@careless.post("/writing", status_code=202)
async def writing(session: PrincipalSession, tasks: BackgroundTasks) -> None:
    tasks.add_task(_add_later, session)


@careless.post("/reading", status_code=202)
async def reading(session: PrincipalReadSession, tasks: BackgroundTasks) -> None:
    tasks.add_task(_read_later, session)


@careless.post("/administration", status_code=202)
async def administration(session: Administration, tasks: BackgroundTasks) -> None:
    tasks.add_task(_add_later, session)


@careless.post("/unscoped", status_code=202)
async def unscoped(session: Unscoped, tasks: BackgroundTasks) -> None:
    tasks.add_task(_add_later, session)


@careless.post("/unscoped-reading", status_code=202)
async def unscoped_reading(session: UnscopedReading, tasks: BackgroundTasks) -> None:
    tasks.add_task(_read_later, session)


@careless.post("/stream", status_code=200)
async def stream(session: PrincipalReadSession) -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        async for ticket in await session.stream_scalars(TICKETS):
            yield str(ticket)

    return StreamingResponse(rows())


@careless.post("/task", status_code=202)
async def task(session: PrincipalSession, caller: Caller) -> None:
    del caller
    running.append(asyncio.create_task(_after_a_while(session)))


async def _after_a_while(session: TenantSession) -> None:
    await asyncio.sleep(0.1)
    await _add_later(session)


running: list[asyncio.Task[None]] = []


def guide() -> dict[str, Any]:
    """Run the page's blocks, as one module."""
    names: dict[str, Any] = {}
    text = "\n\n".join(block.text for block in blocks(PAGE) if block.language == "python")
    exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102  # the page's own code
    return names


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[FastAPI]:
    app = service_app(service, [careless, guide()["router"]], Deployment(service, settings))
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def client(app: FastAPI, settings: Settings, tenant: str = "acme") -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {issue_token(settings, 'tester', tenant, ['admin'])}"}
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service", headers=headers) as http:
        yield http


def in_use(app: FastAPI) -> int:
    database: Database = app.state.database
    return database.pool_status().checked_out


@pytest.mark.parametrize(
    "path", ["/writing", "/reading", "/administration", "/unscoped", "/unscoped-reading", "/stream"]
)
async def test_a_session_of_a_route_is_refused_after_the_response(
    served: FastAPI, settings: Settings, path: str
) -> None:
    """Before, the answer was 202, and the row was lost; the connection stayed out of the pool until a collection."""
    async with client(served, settings) as http:
        for _ in range(3):
            with pytest.raises(RuntimeError, match="response already started") as caught:
                await http.post(path)
            assert isinstance(caught.value.__cause__, errors.SessionEnded)
            assert in_use(served) == 0


async def test_a_task_that_outlives_its_request_is_refused(served: FastAPI, settings: Settings) -> None:
    async with client(served, settings) as http:
        assert (await http.post("/task")).status_code == 202
    with pytest.raises(errors.SessionEnded):
        await running.pop()
    assert in_use(served) == 0


async def test_the_guides_background_task_works_in_the_callers_tenant(served: FastAPI, settings: Settings) -> None:
    database: Database = served.state.database
    for tenant in ("acme", "globex"):
        async with client(served, settings, tenant) as http:
            assert (await http.post("/tickets/INC-1")).status_code == 202
            assert (await http.post(f"/tickets/{tenant}")).status_code == 202
    async with database.tenant("acme", read_only=True) as session:
        found = await session.execute(select(EnhancementHistory.ticket_id, EnhancementHistory.status))
        assert {(row.ticket_id, row.status) for row in found} == {("INC-1", "completed"), ("acme", "completed")}
    assert in_use(served) == 0


async def test_the_guides_stream_reads_the_callers_rows(served: FastAPI, settings: Settings) -> None:
    await _fill(served, "acme", 120)
    await _fill(served, "globex", 1)
    async with client(served, settings) as http:
        lines = (await http.get("/tickets.txt")).text.splitlines()
    assert lines == [f"acme-{number:03}" for number in range(120)]
    assert in_use(served) == 0


async def test_a_client_that_leaves_in_the_middle_of_the_guides_stream_leaves_no_connection_behind(
    served: FastAPI, settings: Settings
) -> None:
    await _fill(served, "acme", 500)
    token = issue_token(settings, "tester", "acme", ["admin"])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/tickets.txt",
        "raw_path": b"/tickets.txt",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "scheme": "http",
        "server": ("service", 80),
    }
    used: list[int] = []
    has_left = asyncio.Event()

    async def send(message: Any) -> None:
        if message.get("body"):
            used.append(in_use(served))
            has_left.set()
            # The socket's buffer is full, and nobody reads.
            await asyncio.sleep(30)

    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in requests:
            return message
        await has_left.wait()
        return {"type": "http.disconnect"}

    application: Callable[[Any, Any, Any], Awaitable[None]] = served
    async with asyncio.timeout(10):
        await application(scope, receive, send)
    assert used == [1]
    assert in_use(served) == 0


async def _fill(app: FastAPI, tenant: str, count: int) -> None:
    database: Database = app.state.database
    async with database.tenant(tenant) as session:
        session.add_all(
            EnhancementHistory(ticket_id=f"{tenant}-{number:03}", status="pending") for number in range(count)
        )
