"""The application: `uvicorn plc_coach.app:app` serves it at `/plc-coach`, its health also at the root."""

from __future__ import annotations

from fastapi import FastAPI

from plc_coach import routes
from plc_coach.service import service
from plc_coach.settings import Settings
from tenantry.postgres.server import Server
from tenantry.web.host import host
from tenantry.web.problems import Answer
from tenantry.web.service_app import service_app

__all__ = ["app", "create_app"]

CONSTRAINTS = {"idx_users_email": Answer(409, "email_taken", "This e-mail address belongs to another user.")}


def create_app(settings: Settings | None = None, server: Server | None = None) -> FastAPI:
    """Return the service's application; without `settings` they are read from the environment when it starts."""
    return service_app(
        service,
        [routes.sessions, routes.conversations, routes.messages, routes.sharing],
        settings=settings,
        server=server,
        constraints=CONSTRAINTS,
        description="Educators' conversations with an assistant, shared within an organisation.",
    )


app = host(create_app())
