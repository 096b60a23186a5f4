"""The application: `uvicorn items.app:app` serves it at `/items`, its health also at the root."""

from __future__ import annotations

from fastapi import FastAPI

from items.routes import router
from items.service import service
from items.settings import Settings
from tenantry.postgres.server import Server
from tenantry.web.host import host
from tenantry.web.problems import Answer
from tenantry.web.service_app import service_app

__all__ = ["app", "create_app"]

CONSTRAINTS = {"items_name_not_empty": Answer(422, "name_empty", "The name of an item may not be blank.")}


def create_app(settings: Settings | None = None, server: Server | None = None) -> FastAPI:
    """Return the service's application; without `settings` they are read from the environment when it starts."""
    return service_app(
        service,
        [router],
        settings=settings,
        server=server,
        constraints=CONSTRAINTS,
        description="Items with a name: listed, created once, and changed by two editors without a loss.",
    )


app = host(create_app())
