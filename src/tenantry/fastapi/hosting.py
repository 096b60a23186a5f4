"""Serves one service or several on one port: each at its path, and the health of all of them at the root.

    app = host(application)                       # one service: `uvicorn ai_agents.app:app`
    app = host(ai_agents_app, accounts_app)       # several: `tenantry up`

Invariant: a host accepts requests only when all of its services are open. When a service cannot be opened, the host
fails with one sentence and no traceback. It handles the signals and the logs of the process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tenantry import errors
from tenantry.fastapi.allowed_hosts import AllowedHosts
from tenantry.fastapi.app import load_deployment
from tenantry.fastapi.draining import Draining
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.fastapi.health import Readiness, Report
from tenantry.fastapi.health_routes import health_router
from tenantry.fastapi.landing import Entry, landing_page
from tenantry.fastapi.logging import structured_logging
from tenantry.fastapi.request_context import RequestContext
from tenantry.fastapi.settings import WebSettings

__all__ = ["Host", "host"]


class Host:
    """An ASGI application that mounts the applications of services; `refusal` is the error that prevented the start."""

    def __init__(self, apps: tuple[FastAPI, ...], *, title: str, settings: WebSettings | None = None) -> None:
        self.apps = apps
        self.title = title
        self.draining = Draining()
        self.refusal: errors.TenantryError | None = None
        self._settings = settings
        self._allowed_hosts = "*"
        self._root = FastAPI(
            title=title,
            openapi_url=None,
            lifespan=self._lifespan,
            redirect_slashes=False,
            middleware=[Middleware(RequestContext), Middleware(AllowedHosts, allowed=lambda: self._allowed_hosts)],
        )
        install_problem_handlers(self._root)
        self._root.include_router(health_router(self._measure))
        self._root.add_api_route("/", self._landing, methods=["GET"])
        for app in apps:
            self._root.mount(app.state.service.path, app, name=app.state.service.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the process."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        else:
            await self._root(self._at_root_of_service(scope), receive, send)

    def _at_root_of_service(self, scope: Scope) -> Scope:
        """Route the bare path of a service to its root: `/items` is the resource `/items/`, without a redirect."""
        below = scope["path"].removeprefix(scope.get("root_path", ""))
        if all(app.state.service.path != below for app in self.apps):
            return scope
        return {**scope, "path": scope["path"] + "/", "raw_path": scope.get("raw_path", b"") + b"/"}

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the message of a failure to the server; Starlette would send a traceback."""
        failed: Message | None = None

        async def send_or_hold(message: Message) -> None:
            nonlocal failed
            if message["type"] in {"lifespan.startup.failed", "lifespan.shutdown.failed"}:
                failed = message
            else:
                await send(message)

        try:
            await self._root(scope, receive, send_or_hold)
        except errors.TenantryError as error:
            self.refusal = error
            if failed is not None:
                await send({"type": failed["type"], "message": str(error)})
        except BaseException:
            if failed is not None:
                await send(failed)
            raise

    @asynccontextmanager
    async def _lifespan(self, _root: FastAPI) -> AsyncIterator[None]:
        settings = self._settings or self._first_settings()
        self.draining.grace = settings.drain_grace
        self._allowed_hosts = settings.allowed_hosts
        async with AsyncExitStack() as stack:
            stack.enter_context(structured_logging(settings.log_level, settings.log_format))
            for app in self.apps:
                app.state.draining = self.draining
                await stack.enter_async_context(app.router.lifespan_context(app))
            stack.enter_context(self.draining.on_signals())
            yield

    def _first_settings(self) -> WebSettings:
        """Return the process's settings: those of the first service that has them."""
        loaded = [load_deployment(app).settings for app in self.apps]
        return next((one for one in loaded if isinstance(one, WebSettings)), WebSettings())

    async def _measure(self, _request: Request) -> Report:
        return Report.joined(*[await self._readiness(app).report() for app in self.apps])

    async def _landing(self) -> Response:
        entries = [
            Entry(app.state.service.title, app.state.service.path, (await self._readiness(app).report()).status)
            for app in self.apps
        ]
        return landing_page(self.title, entries)

    @staticmethod
    def _readiness(app: FastAPI) -> Readiness:
        readiness: Readiness = app.state.readiness
        return readiness


def host(*parts: FastAPI | Host, title: str = "", settings: WebSettings | None = None) -> Host:
    """Return one application for the services in `parts`; a host among them contributes its services.

    `settings` replace those of the services for draining and logs; the command line uses this.
    """
    apps = tuple(app for part in parts for app in (part.apps if isinstance(part, Host) else (part,)))
    return Host(apps, title=title or (apps[0].state.service.title if len(apps) == 1 else "Tenantry"), settings=settings)
