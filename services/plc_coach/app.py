"""The application: `uvicorn plc_coach.app:app` serves it at `/plc-coach`, its health also at the root."""

from __future__ import annotations

from functools import partial

from plc_coach import schemas
from plc_coach.models import IdentityAssertion, User, UserSession
from plc_coach.routes import conversations, messages
from plc_coach.service import service
from tenantry.fastapi.app import service_app
from tenantry.fastapi.host import host
from tenantry.fastapi.problems import Answer
from tenantry.fastapi.session_routes import session_router

__all__ = ["app", "create_app"]

CONSTRAINTS = {"idx_users_email": Answer(409, "email_taken", "This e-mail address belongs to another user.")}

sessions = session_router(User, UserSession, IdentityAssertion, schemas.Session)

# Called with `settings` and `server` by tests; without them, both come from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [sessions, conversations.router, messages.router, conversations.sharing],
    constraints=CONSTRAINTS,
    description="Educators' conversations with an assistant, shared within an organisation.",
)

app = host(create_app())
