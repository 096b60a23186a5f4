"""A project that installed the package is checked by mypy: right code passes, each mistake is reported in its line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from installed import Installation

pytestmark = [pytest.mark.one_version, pytest.mark.timeout(400)]

MODELS = """
import uuid

from sqlalchemy import ForeignKey, PrimaryKeyConstraint, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import CreatedAt, EncryptedText, Global, TenantBase, TenantRoot, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    pass


class Shop(TenantRoot, Base):
    __tablename__ = "shops"
    id: Mapped[str] = mapped_column(String(100), primary_key=True)


class Book(TenantScoped, Timestamps, Base):
    __tablename__ = "books"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("shops.id"))
    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    title: Mapped[str] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(EncryptedText())


class Event(CreatedAt, Global, Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
"""

SERVICE = """
from typing import Annotated

from fastapi import APIRouter, FastAPI
from pydantic_settings import SettingsConfigDict
from sqlalchemy import select

from bookshop.models import Base, Book
from tenantry import Address, Database, DatabaseSettings, ReadSession, Service, TenantSession
from tenantry.fastapi import (
    PrincipalReadSession,
    PrincipalSession,
    TokenSettings,
    host,
    read_session,
    service_app,
    tenant_session,
)


class Settings(DatabaseSettings, TokenSettings):
    model_config = SettingsConfigDict(env_prefix="BOOKSHOP_")


service = Service(name="bookshop", base=Base, settings=Settings, app="bookshop.service:app")
router = APIRouter()


def shop_of_the_path(shop: str) -> str:
    return shop


Writing = Annotated[TenantSession, tenant_session(shop_of_the_path)]
Reading = Annotated[ReadSession, read_session(shop_of_the_path)]


@router.post("/books")
async def add(session: PrincipalSession, title: str) -> str:
    session.add(Book(title=title))
    await session.flush()
    return title


@router.get("/books")
async def titles(session: PrincipalReadSession) -> list[str]:
    return list(await session.scalars(select(Book.title)))


@router.get("/{shop}/books")
async def count(session: Reading) -> int:
    return len((await session.scalars(select(Book))).all())


async def work(database: Database) -> str | None:
    async with database.tenant("acme") as session:
        session.add(Book(title="Anathem"))
    async with database.tenant("acme", read_only=True) as reading:
        book = await reading.get(Book, ("acme", 1))
    async with database.admin(reason="nightly report") as everything:
        await everything.scalars(select(Book))
    return book.title if book else None


part: FastAPI = service_app(service, [router])
app = host(part)
address: Address = Address.parse("postgres://app_user:secret@one/ai_agents")
"""

# Each mistake's line ends with the code that mypy must report there.
MISTAKES = """
from bookshop.models import Book
from tenantry import Database, ReadSession, TenantSession
from tenantry import TenantScopd  # expected: attr-defined
from tenantry import DatabaseSettings, Service
from tenantry.fastapi import PrincipalReadSession


async def add_while_reading(database: Database) -> None:
    async with database.tenant("acme", read_only=True) as session:
        session.add(Book(title="Anathem"))  # expected: attr-defined
        await session.commit()  # expected: attr-defined


async def add_in_a_route(session: PrincipalReadSession) -> None:
    session.add(Book(title="Anathem"))  # expected: attr-defined


async def work_across_tenants_without_a_reason(database: Database) -> None:
    async with database.admin():  # expected: call-arg
        pass


async def take_a_title_for_a_number(session: TenantSession, read: ReadSession) -> None:
    number: int = (await session.get_one(Book, 1)).title  # expected: assignment
    book = await read.get(Book, number)
    book.title  # expected: union-attr


async def forget_to_wait(session: ReadSession) -> str | None:
    book = session.get(Book, 1)
    return str(book.title)  # expected: attr-defined


def declare_half(settings: type[DatabaseSettings]) -> Service:
    return Service(name="bookshop")  # expected: call-arg
"""

REPORT = re.compile(r"^(?P<file>[\w/]+\.py):(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's project. Its second check is quick, as mypy's cache of other packages is there."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "bookshop").mkdir()
    for name, text in (("__init__", ""), ("models", MODELS), ("service", SERVICE), ("mistakes", MISTAKES)):
        (folder / "bookshop" / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def check(project: Path, python: Path) -> tuple[set[tuple[str, int, str]], str]:
    """Run `mypy --strict` as that environment's user does; return what it reports, and all that it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYPY", "PYTHON"))}
    command = (sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--python-executable", python, "bookshop")
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    found = {(found["file"], int(found["line"]), found["code"]) for found in REPORT.finditer(done.stdout)}
    return found, done.stdout + done.stderr


def expected() -> set[tuple[str, int, str]]:
    lines = enumerate(MISTAKES.splitlines(), start=1)
    return {("bookshop/mistakes.py", number, line.split("expected: ")[1]) for number, line in lines if "# exp" in line}


def test_right_code_passes_and_every_mistake_is_reported(project: Path, installation: Installation) -> None:
    """Nothing more is reported: not in the models, not in the service, not in another line."""
    found, said = check(project, installation.python)
    assert found == expected(), said


def test_without_its_marker_the_package_would_have_no_types(
    project: Path, installation: Installation, tmp_path: Path
) -> None:
    """PEP 561: what the test above sees, it sees because the wheel carries `py.typed`."""
    copy = tmp_path / "environment"
    shutil.copytree(installation.packages.parents[2], copy, symlinks=True)
    (marker,) = copy.rglob("site-packages/tenantry/py.typed")
    marker.unlink()
    found, said = check(project, copy / "bin" / "python")
    assert ("bookshop/models.py", 7, "import-untyped") in found, said
