"""The application: `uvicorn accounts.app:app` serves it at `/accounts`, its health also at the root."""

from __future__ import annotations

from functools import partial

from accounts.routes import access, users
from accounts.service import service
from tenantry.fastapi.app import service_app
from tenantry.fastapi.host import host
from tenantry.fastapi.passwords import open_passwords
from tenantry.fastapi.problems import Answer

__all__ = ["app", "create_app"]

CONSTRAINTS = {
    "uq_tenants_name": Answer(409, "tenant_taken", "There is a tenant of this name already."),
    "uq_users_email": Answer(409, "email_taken", "This e-mail is in use already."),
    "uq_users_tenant_id_username": Answer(409, "username_taken", "There is a user of this name already."),
}

# Called with `settings` and `server` by tests; without them, both come from the environment when it starts.
create_app = partial(
    service_app,
    service,
    [access.router, users.router],
    constraints=CONSTRAINTS,
    resources=open_passwords,
    description="Tenants, their users, and how a user signs in.",
)

app = host(create_app())
