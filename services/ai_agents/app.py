"""The application: `uvicorn ai_agents.app:app` serves it at `/ai-agents`, and its health also at the root."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ai_agents.redis_check import redis_check
from ai_agents.routes import enhancements, tenants, webhooks
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry.fastapi import health, host, service_app

__all__ = ["app", "create_app"]


def _checks(settings: Settings) -> Mapping[str, health.Check]:
    """Return the readiness checks besides the database's."""
    if settings.redis_url is None:
        return {}
    return {"redis": redis_check(settings.redis_url, variable=settings.variable("redis_url"))}


# Tests pass `settings` and `server`. Without them, the application reads both from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [tenants.router, webhooks.router, enhancements.router],
    checks=_checks,
    description="Service desks of tenants, and the history of enhancements of their tickets.",
)

app = host(create_app())
