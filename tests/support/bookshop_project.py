"""The project that the how-to guides describe, as it stands on disk, with the tests of a guide in it.

The project knows Tenantry only as a package that is installed.
"""

from __future__ import annotations

from pathlib import Path

from documents import blocks
from plugin_project import UserProject

__all__ = ["write_bookshop"]

PYPROJECT = """
[tool.tenantry]
services = ["bookshop.service:service"]

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
addopts = ["--strict-markers", "--strict-config", "-p", "no:cacheprovider"]
filterwarnings = ["error"]
"""

MODELS = """
import uuid

from sqlalchemy import PrimaryKeyConstraint, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tenantry import TenantBase, TenantScoped


class Base(TenantBase, DeclarativeBase):
    pass


class Book(TenantScoped, Base):
    __tablename__ = "books"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    title: Mapped[str] = mapped_column(String(200))
"""

SERVICE = """
from pydantic_settings import SettingsConfigDict
from tenantry import DatabaseSettings, Service
from tenantry.fastapi import TokenSettings

from bookshop.models import Base


class Settings(DatabaseSettings, TokenSettings):
    model_config = SettingsConfigDict(env_prefix="BOOKSHOP_")
    redis_url: str | None


service = Service(name="bookshop", base=Base, settings=Settings)
"""

APP = """
from fastapi import APIRouter
from sqlalchemy import select
from tenantry.fastapi import PrincipalSession, host, service_app

from bookshop.models import Book
from bookshop.service import service

router = APIRouter()


@router.get("/books")
async def read(session: PrincipalSession) -> dict[str, list[str]]:
    return {"items": list(await session.scalars(select(Book.title)))}


app = host(service_app(service, [router]))
"""

REVISION = '''
"""books"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BOUND = "( SELECT NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text) AS \\"nullif\\")"
OWN_ROWS = f"((tenant_id)::text = {BOUND})"


def upgrade():
    op.create_table(
        "books",
        sa.Column("tenant_id", sa.String(100), nullable=False,
                  server_default=sa.text("NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)")),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_books"),
    )
    op.grant("bookshop_app", ("DELETE", "INSERT", "SELECT", "UPDATE"), "books")
    op.grant("bookshop_admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), "books")
    op.create_policy("tenant_isolation_policy", "books", roles=("bookshop_app",), using=OWN_ROWS, check=OWN_ROWS)
    op.create_policy("owner_maintenance_policy", "books", roles=("bookshop_owner",), using="true", check="true")
    op.enable_row_security("books")


def downgrade():
    op.drop_table("books")
'''


def write_bookshop(folder: Path, page: Path) -> UserProject:
    """Write the project, and every Python block of a page as a module of its tests."""
    files = {
        "pyproject.toml": PYPROJECT,
        "bookshop/__init__.py": "",
        "bookshop/models.py": MODELS,
        "bookshop/service.py": SERVICE,
        "bookshop/app.py": APP,
        "bookshop/migrations/versions/0001_books.py": REVISION,
    }
    code = [block.text for block in blocks(page) if block.language == "python"]
    # A block that only overrides a fixture is for all modules.
    plugins = [text for text in code if "def tenantry_" in text]
    files["conftest.py"] = "\n".join(plugins)
    tests = [text for text in code if text not in plugins]
    files |= {f"test_block_{number:02}.py": text for number, text in enumerate(tests)}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return UserProject(folder)
