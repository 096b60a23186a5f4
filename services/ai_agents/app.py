"""The application: `uvicorn ai_agents.app:app` serves it at `/ai-agents`, its health also at the root."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ai_agents.routes import enhancements, tenants, webhooks
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry.fastapi.app import service_app
from tenantry.fastapi.health import Check
from tenantry.fastapi.host import host
from tenantry.fastapi.redis import redis_check

__all__ = ["app", "create_app"]


def _checks(settings: Settings) -> Mapping[str, Check]:
    """Return what readiness asks besides the database."""
    if settings.redis_url is None:
        return {}
    return {"redis": redis_check(settings.redis_url, variable=settings.variable("redis_url"))}


# Called with `settings` and `server` by tests; without them, both come from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [tenants.router, webhooks.router, enhancements.router],
    checks=_checks,
    description="Tenants' service desks, and the history of what was added to their tickets.",
)

app = host(create_app())
