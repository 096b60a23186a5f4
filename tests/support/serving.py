"""A service's application on a port of its own, for what only a socket shows: curl lines, and a server that is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from tenantry.fastapi import host

START_DEADLINE = 20.0


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve the application in a thread; give the URL of the service."""
    server = uvicorn.Server(uvicorn.Config(host(app), port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        deadline = time.monotonic() + START_DEADLINE
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{app.state.service.path}"
    finally:
        server.should_exit = True
        thread.join()


async def wait_for(http: httpx2.AsyncClient, url: str, status: int, *, within: float) -> Any:
    """Ask until the answer has this status, for so many seconds; return what it says."""
    deadline = time.monotonic() + within
    while (answer := await http.get(url)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)
    return answer.json()
