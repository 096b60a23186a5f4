"""A small API on the bookshop, for tests of the web floor: what a service looks like, with one route of each kind."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import bookshop
import httpx2
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import select, text

from tenantry import Address, AdminSession, Deployment, Service
from tenantry.fastapi import (
    Answer,
    Page,
    PageQuery,
    PrincipalReadSession,
    PrincipalSession,
    Problem,
    TokenSettings,
    WebSettings,
    admin_session,
    host,
    issue_token,
    paginate,
    problem_responses,
    require_scope,
    service_app,
)
from tenantry.fastapi.hosting import Host
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource
from tenantry.sql import identifier, literal

REVISION = "0001"
SECRET = SecretStr("s" * 32)
TAKEN = Answer(409, "author_taken", "There is such an author already.")

router = APIRouter(responses=problem_responses(404))


class Settings(bookshop.Settings, TokenSettings, WebSettings):
    model_config = SettingsConfigDict(env_prefix="BOOKSHOP_")


class AuthorIn(BaseModel):
    name: str = Field(max_length=200)
    id: uuid.UUID | None = None


class AuthorOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    name: str


@router.post("/authors", status_code=201, responses=problem_responses(409))
async def create(session: PrincipalSession, body: AuthorIn) -> AuthorOut:
    author = bookshop.Author(**body.model_dump(exclude_none=True))
    session.add(author)
    await session.flush()
    return AuthorOut.model_validate(author)


@router.post("/unflushed", status_code=201, responses=problem_responses(409))
async def create_at_commit(session: PrincipalSession, body: AuthorIn) -> str:
    """Leave it to the commit to find what is wrong."""
    session.add(bookshop.Author(**body.model_dump(exclude_none=True)))
    return "created"


@router.get("/authors")
async def list_authors(session: PrincipalReadSession, page: PageQuery) -> Page[AuthorOut]:
    columns = (bookshop.Author.name, bookshop.Author.id)
    query = select(bookshop.Author)
    return await paginate(
        session, query, columns, limit=page.limit, cursor=page.cursor, convert=AuthorOut.model_validate
    )


@router.get("/authors/{author_id}")
async def read(session: PrincipalReadSession, author_id: uuid.UUID) -> AuthorOut:
    author = await session.get(bookshop.Author, author_id)
    if author is None:
        raise Problem(404, "not_found", "There is no such author.")
    return AuthorOut.model_validate(author)


@router.post("/sleep")
async def sleep(session: PrincipalReadSession) -> None:
    await session.execute(text("SELECT pg_sleep(20)"))


Administration = Annotated[AdminSession, admin_session("counting", allowed=require_scope("admin"))]


@router.get("/admin/count")
async def count(session: Administration) -> int:
    found = await session.execute(select(bookshop.Author))
    return len(found.all())


SERVICE = Service(
    name="bookshop",
    metadata=bookshop.Base.metadata,
    settings=Settings,
    migrations=Path(),
    app="",
    roles=bookshop.ROLES,
)


def token(tenant: str | None = "acme", *scopes: str) -> dict[str, str]:
    """Return the headers of a caller who works for `tenant`."""
    return {"Authorization": "Bearer " + issue_token(TokenSettings(jwt_secret=SECRET), "ada", tenant, scopes)}


def settings_for(superuser: Address, **changes: Any) -> Settings:
    base = bookshop.settings_for(superuser)
    given = {**base.model_dump(exclude_unset=True), "jwt_secret": SECRET, **changes}
    return Settings(**given)


def make_app(settings: Settings | None = None, revision: str = REVISION, **options: Any) -> FastAPI:
    constraints = {"authors_pkey": TAKEN, "pk_authors": TAKEN}
    deployment = None if settings is None else Deployment(SERVICE, settings)
    return service_app(SERVICE, [router], deployment, expected_revision=revision, constraints=constraints, **options)


def create_host() -> Host:
    """Return what a server is told to serve; settings come from the environment."""
    return host(make_app())


@asynccontextmanager
async def started(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Run the application's lifespan, and open a client on it."""
    transport = httpx2.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://s") as http:
        yield http


async def execute(address: Address, *statements: str) -> None:
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def stamp(address: Address, revision: str) -> None:
    """Write the revision that the schema is said to be at."""
    await execute(
        address,
        "CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) NOT NULL)",
        "DELETE FROM alembic_version",
        f"INSERT INTO alembic_version VALUES ({literal(revision)})",
        f"GRANT SELECT ON alembic_version TO {identifier(bookshop.ROLES.application)}",
    )
