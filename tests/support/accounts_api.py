"""What the Accounts tests share: passwords that cost little, tenants that signed up, and a running service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse, another battery"

# The least that argon2 takes: what is tested is that it is used, not how dear it is.
CHEAP: dict[str, Any] = {"password_memory": 8, "password_passes": 1, "sign_in_free_attempts": 50}


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in; `http` speaks with the token."""

    id: str
    tenant: str
    email: str
    token: str
    http: httpx2.AsyncClient

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": PASSWORD}


class Door:
    """Makes clients of one application, and people who come in through its API."""

    def __init__(self, transport: httpx2.ASGITransport) -> None:
        self._transport = transport

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(transport=self._transport, base_url="http://service", headers=headers)

    async def sign_up(self, tenant: str, username: str = "ada") -> Person:
        email = f"{username}@{tenant}.example"
        body = {"tenant": tenant, "username": username, "email": email, "password": PASSWORD}
        answer = await self.client().post("/sign-up", json=body)
        assert answer.status_code == 201, answer.text
        return await self.sign_in(email)

    async def add(self, admin: Person, username: str, *roles: str) -> Person:
        """Let an administrator add a user, who then signs in."""
        email = f"{username}@{admin.email.partition('@')[2]}"
        body = {"username": username, "email": email, "password": PASSWORD, "roles": list(roles) or ["member"]}
        answer = await admin.http.post("/users", json=body)
        assert answer.status_code == 201, answer.text
        return await self.sign_in(email)

    async def sign_in(self, email: str, password: str = PASSWORD) -> Person:
        answer = await self.client().post("/sign-in", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        client = self.client(token)
        me = (await client.get("/me")).json()
        return Person(me["user"]["id"], me["tenant"]["id"], email, token, client)


async def stored_hash(superuser: asyncpg.Connection, email: str) -> str:
    """Return the hash as it is stored."""
    found: str = await superuser.fetchval("SELECT hashed_password::text FROM users WHERE email = $1", email)
    return found
