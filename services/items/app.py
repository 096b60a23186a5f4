"""The application: `uvicorn items.app:app` serves it at `/items`, its health also at the root."""

from __future__ import annotations

from functools import partial

from items.routes import router
from items.service import service
from tenantry.fastapi.app import service_app
from tenantry.fastapi.host import host
from tenantry.fastapi.problems import Answer

__all__ = ["app", "create_app"]

CONSTRAINTS = {"items_name_not_empty": Answer(422, "name_empty", "The name of an item may not be blank.")}

# Called with `settings` and `server` by tests; without them, both come from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [router],
    constraints=CONSTRAINTS,
    description="Items with a name: listed, created once, and changed by two editors without a loss.",
)

app = host(create_app())
