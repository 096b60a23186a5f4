"""The application: `uvicorn ai_agents.app:app` serves it at `/ai-agents`, its health also at the root."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI

from ai_agents import routes
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry.postgres.server import Server
from tenantry.web.health import Check
from tenantry.web.host import host
from tenantry.web.redis import redis_check
from tenantry.web.service_app import service_app

__all__ = ["app", "create_app"]


def create_app(settings: Settings | None = None, server: Server | None = None) -> FastAPI:
    """Return the service's application; without `settings` they are read from the environment when it starts."""
    return service_app(
        service,
        [routes.tenants, routes.webhooks, routes.enhancements],
        settings=settings,
        server=server,
        checks=_checks,
        description="Tenants' service desks, and the history of what was added to their tickets.",
    )


def _checks(settings: Settings) -> Mapping[str, Check]:
    """Return what readiness asks besides the database."""
    if settings.redis_url is None:
        return {}
    return {"redis": redis_check(settings.redis_url, variable=settings.variable("redis_url"))}


app = host(create_app())
