"""The application: `uvicorn accounts.app:app` serves it at `/accounts`, and its health also at the root."""

from __future__ import annotations

from functools import partial

from accounts.passwords import open_passwords
from accounts.routes import access, users
from accounts.service import service
from tenantry.fastapi import Answer, host, service_app

__all__ = ["app", "create_app"]

CONSTRAINTS = {
    "uq_tenants_name": Answer(409, "tenant_taken", "A tenant with this name already exists."),
    "uq_users_email": Answer(409, "email_taken", "This e-mail is already in use."),
    "uq_users_tenant_id_username": Answer(409, "username_taken", "A user with this name already exists."),
}

# Tests pass `settings` and `server`. Without them, the application reads both from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [access.router, users.router],
    constraints=CONSTRAINTS,
    resources=open_passwords,
    description="Tenants, their users, and sign-in with a password.",
)

app = host(create_app())
