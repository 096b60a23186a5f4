"""The application: `uvicorn plc_coach.app:app` serves it at `/plc-coach`, and its health also at the root."""

from __future__ import annotations

from functools import partial

from plc_coach.routes import conversations, messages, sessions
from plc_coach.service import service
from tenantry.fastapi import Answer, host, service_app

__all__ = ["app", "create_app"]

CONSTRAINTS = {"idx_users_email": Answer(409, "email_taken", "This e-mail address belongs to another user.")}

# Tests pass `settings` and `server`. Without them, the application reads both from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [sessions.router, conversations.router, messages.router, conversations.sharing],
    constraints=CONSTRAINTS,
    description="Conversations of educators with an assistant, shared within an organisation.",
)

app = host(create_app())
