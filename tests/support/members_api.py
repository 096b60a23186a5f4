"""An API whose members sign in by an assertion and share notes, for tests of sessions and share links."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

import bookshop
import httpx2
from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, UniqueConstraint, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Address, CreatedAt, Database, DatabaseSettings, TenantBase, TenantLookup, TenantSession
from tenantry.fastapi.assertion_record import AssertionRecord
from tenantry.fastapi.assertions import AssertionSettings
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.fastapi.identity_record import IdentityRecord
from tenantry.fastapi.problems import Answer
from tenantry.fastapi.session_caller import SessionCaller, read_as, write_as
from tenantry.fastapi.session_record import SessionRecord
from tenantry.fastapi.session_routes import SessionShape, session_router
from tenantry.fastapi.sessions import SessionSettings
from tenantry.fastapi.shapes import Shape
from tenantry.fastapi.share_links import Shared, shared_by_link
from tenantry.fastapi.share_record import ShareRecord
from tenantry.fastapi.tokens import issue_token, token_verifier
from tenantry.tenancy.session import ReadSession

TAKEN = Answer(409, "email_taken", "This e-mail address belongs to another member.")


class Base(TenantBase, DeclarativeBase):
    pass


class Member(IdentityRecord, CreatedAt, Base):
    __tablename__ = "members"
    __lookups__ = (TenantLookup("email"),)
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "sso_provider", "sso_id"),
        UniqueConstraint("email"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    role: Mapped[str] = mapped_column(String(20), server_default="guest")


class MemberSession(SessionRecord, Base):
    __tablename__ = "member_sessions"
    __lookups__ = (TenantLookup("id", where="t.expires_at > now()"),)
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["members.tenant_id", "members.id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "user_id"),
    )


class UsedAssertion(AssertionRecord, Base):
    __tablename__ = "used_assertions"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)


class Note(ShareRecord, Base):
    __tablename__ = "notes"
    __lookups__ = (TenantLookup("share_token", where="t.share_enabled"),)
    __table_args__ = (UniqueConstraint("share_token"), UniqueConstraint("tenant_id", "id"))
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    content: Mapped[str] = mapped_column(String(100))


class Settings(DatabaseSettings, AssertionSettings, SessionSettings):
    model_config = SettingsConfigDict(env_prefix="CLUBHOUSE_")


class ShownMember(Shape):
    id: uuid.UUID
    email: str
    role: str


class ShownSession(SessionShape):
    user: ShownMember


Reader = Annotated[SessionCaller[ReadSession, Member], read_as(SessionCaller, MemberSession, Member)]
Writer = Annotated[SessionCaller[TenantSession, Member], write_as(SessionCaller, MemberSession, Member)]


@asynccontextmanager
async def open_clubhouse(superuser: Address) -> AsyncIterator[Database]:
    """Make the tables, and open the database as the application."""
    await bookshop.build(superuser, Base.metadata)
    given = bookshop.settings_for(superuser).model_dump(exclude_unset=True)
    settings = Settings(**{**given, "jwt_secret": SecretStr("s" * 32), "session_lifetime": 3600})
    async with Database(settings, metadata=Base.metadata, roles=bookshop.ROLES, name="members_api") as database:
        yield database


def make_app(database: Database) -> FastAPI:
    """Return an API with sessions, with routes in their name, and with notes that are read by a link."""
    app = FastAPI()
    assert isinstance(database.settings, Settings)
    app.state.database, app.state.settings = database, database.settings
    app.state.tokens = token_verifier(database.settings)
    install_problem_handlers(app, {"uq_members_email": TAKEN})
    app.include_router(session_router(Member, MemberSession, UsedAssertion, ShownSession))

    @app.get("/me")
    async def read_me(caller: Reader) -> str:
        return caller.user.email

    @app.put("/me/name")
    async def rename(caller: Writer, name: str) -> None:
        caller.user.name = name

    @app.get("/notes/{share_token}")  # noqa: FAST003  # its dependency takes it
    async def read_note(shared: Annotated[Shared[Note], shared_by_link(Note)]) -> str:
        return shared.row.content

    return app


class Club:
    """Knocks at the door of one application."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._transport = httpx2.ASGITransport(make_app(database))

    def http(self, credential: str = "") -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return httpx2.AsyncClient(transport=self._transport, base_url="http://club", headers=headers)

    def assertion(self, name: str, tenant: str | None = "acme", **claims: object) -> str:
        """Return what the identity service signs."""
        assert isinstance(self.database.settings, Settings)
        said = {"provider": "idp", "jti": uuid.uuid4().hex, "email": f"{name}@club.example", "name": name, **claims}
        minute = timedelta(minutes=1)
        return issue_token(self.database.settings, f"id-of-{name}", tenant, lifetime=minute, further=said)

    async def knock(self, assertion: str) -> httpx2.Response:
        return await self.http().post("/identity", json={"assertion": assertion})

    async def sign_in(self, name: str, tenant: str | None = "acme", **claims: object) -> dict[str, Any]:
        answer = await self.knock(self.assertion(name, tenant, **claims))
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.json()
        return session
