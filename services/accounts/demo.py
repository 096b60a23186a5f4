"""Two tenants with an administrator and a member each, and the requests worth trying.

Everything here is made up and known to everybody; `seed` is for a database that serves demonstrations alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import select

from accounts.models import ADMIN, Tenant, User
from accounts.settings import Settings
from tenantry import Database
from tenantry.web.examples import curl
from tenantry.web.passwords import Passwords
from tenantry.web.tokens import issue_token

__all__ = ["TENANTS", "examples", "seed", "tokens"]

# By tenant: its id, its name, and its users with their roles.
TENANTS = {
    "acme": (uuid.UUID(int=0xACAE << 64), "Acme Corporation", {"ada": ADMIN, "alan": "member"}),
    "globex": (uuid.UUID(int=0x61BE << 64), "Globex Industries", {"grace": ADMIN, "george": "member"}),
}
PASSWORD = "a-demo-passphrase"  # noqa: S105

TOKEN_LIFETIME = timedelta(days=30)


async def seed(database: Database) -> None:
    """Put in the demonstration tenants, where they are not there yet."""
    assert isinstance(database.settings, Settings)
    async with Passwords(database.settings) as passwords:
        hashed = await passwords.hash(SecretStr(PASSWORD))
    for tenant, (tenant_id, name, users) in TENANTS.items():
        async with database.tenant(tenant_id) as session:
            if await session.scalar(select(Tenant)) is not None:
                continue
            session.add(Tenant(id=tenant_id, name=name))
            await session.flush()
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
    """Yield what is worth trying at `url`, the service's own (`http://127.0.0.1:8000/accounts`): title, curl line."""
    bearer = {username: {"Authorization": f"Bearer {token}"} for username, token in tokens(settings).items()}
    ada = {"email": "ada@acme.example", "password": PASSWORD}
    yield "Is it ready, and the database connected?", curl(f"{url}/health/ready")
    yield "Sign in as Acme's administrator", curl(f"{url}/sign-in", body=ada)
    nobody = {**ada, "email": "nobody@acme.example"}
    yield "An unknown e-mail is answered like a wrong password", curl(f"{url}/sign-in", body=nobody)
    yield "Who am I?", curl(f"{url}/me", bearer["ada"])
    yield "Acme's users", curl(f"{url}/users", bearer["ada"])
    yield "Globex sees its own only", curl(f"{url}/users", bearer["grace"])
    yield "Users are for administrators", curl(f"{url}/users", bearer["alan"])
    grace = uuid.uuid5(TENANTS["globex"][0], "grace")
    yield "Another tenant's user is not found", curl(f"{url}/users/{grace}", bearer["ada"])
