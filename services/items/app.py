"""The application: `uvicorn items.app:app` serves it at `/items`, and its health also at the root."""

from __future__ import annotations

from functools import partial

from items.routes import router
from items.service import service
from tenantry.fastapi import Answer, host, service_app

__all__ = ["app", "create_app"]

CONSTRAINTS = {"items_name_not_empty": Answer(422, "name_empty", "The name of an item must not be blank.")}

# Tests pass `settings` and `server`. Without them, the application reads both from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [router],
    constraints=CONSTRAINTS,
    description="Items with a name, with creation that can be repeated safely and changes that detect conflicts.",
)

app = host(create_app())
