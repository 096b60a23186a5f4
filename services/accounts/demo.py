"""Demonstration data: two tenants, each with an administrator and a member, and example requests.

The passwords are public. Run `seed` only on a database that is for demonstrations.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import select

from accounts.models import ADMIN, Tenant, User
from accounts.passwords import Passwords
from accounts.settings import Settings, settings_of
from tenantry import Database
from tenantry.fastapi import Examples, issue_token, rows

__all__ = ["TENANTS", "examples", "seed", "tokens"]

# For each tenant: its id, its name, and its users with their roles.
TENANTS = {
    "acme": (uuid.UUID(int=0xACAE << 64), "Acme Corporation", {"ada": ADMIN, "alan": "member"}),
    "globex": (uuid.UUID(int=0x61BE << 64), "Globex Industries", {"grace": ADMIN, "george": "member"}),
}
PASSWORD = "a-demo-passphrase"  # noqa: S105

TOKEN_LIFETIME = timedelta(days=30)


async def seed(database: Database) -> None:
    """Insert the demonstration tenants that do not exist yet."""
    async with Passwords(settings_of(database)) as passwords:
        hashed = await passwords.hash(SecretStr(PASSWORD))
    for tenant, (tenant_id, name, users) in TENANTS.items():
        async with database.tenant(tenant_id) as session:
            if await session.scalar(select(Tenant)) is not None:
                continue
            await rows.add(session, Tenant(id=tenant_id, name=name))
            for username, role in users.items():
                email, user_id = f"{username}@{tenant}.example", uuid.uuid5(tenant_id, username)
                session.add(User(id=user_id, username=username, email=email, hashed_password=hashed, roles=[role]))


def tokens(settings: Settings) -> dict[str, str]:
    """Return a bearer token for each demonstration user."""
    return {
        username: issue_token(
            settings, str(uuid.uuid5(tenant_id, username)), str(tenant_id), [role], lifetime=TOKEN_LIFETIME
        )
        for tenant_id, _, users in TENANTS.values()
        for username, role in users.items()
    }


def examples(settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a curl line for each example; `url` is the service's (`http://127.0.0.1:8000/accounts`)."""
    ask = Examples(url, tokens(settings))
    ada = {"email": "ada@acme.example", "password": PASSWORD}
    yield ask.ready
    yield "Sign in as Acme's administrator", ask.line("/sign-in", body=ada)
    unknown = {**ada, "email": "unknown@acme.example"}
    yield "An unknown e-mail gets the same answer as a wrong password", ask.line("/sign-in", body=unknown)
    yield "Who am I?", ask.line("/me", "ada")
    yield "Acme's users", ask.line("/users", "ada")
    yield "Globex sees only its own users", ask.line("/users", "grace")
    yield "Only administrators read users", ask.line("/users", "alan")
    grace = uuid.uuid5(TENANTS["globex"][0], "grace")
    yield "Another tenant's user is not found", ask.line(f"/users/{grace}", "ada")
