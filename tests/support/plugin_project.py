"""A user's project as it stands on disk, with one service, its migration and its application, and a way to test it.

The project knows Tenantry only as a package that is installed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["UserProject", "write_project"]

PYPROJECT = """
[tool.tenantry]
services = ["notes.service:service"]

[tool.pytest.ini_options]
asyncio_mode = "{mode}"
asyncio_default_fixture_loop_scope = "function"
addopts = ["--strict-markers", "--strict-config", "-p", "no:cacheprovider"]
filterwarnings = ["error"]
"""

SERVICE = """
import uuid
from pathlib import Path

from fastapi import APIRouter
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import PrimaryKeyConstraint, String, Text, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, EncryptedText, Roles, Service, TenantBase, TenantScoped
from tenantry.fastapi import PrincipalSession, TokenSettings, host, service_app


class Base(TenantBase, DeclarativeBase):
    pass


class Note(TenantScoped, Base):
    __tablename__ = "notes"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    text: Mapped[str] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(EncryptedText())


class Settings(DatabaseSettings, TokenSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")
    mail_key: SecretStr
    greeting: str = "hello"


service = Service(
    name="notes",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="notes.service:app",
    roles=Roles(owner="{roles}_owner", application="{roles}_app", admin="{roles}_admin"),
)

router = APIRouter()


@router.get("/notes")
async def read(session: PrincipalSession) -> list[str]:
    return list(await session.scalars(select(Note.text)))


app = host(service_app(service, [router]))
"""

ENVIRONMENT = """
from notes.service import service
from tenantry.alembic import run_environment

run_environment(service)
"""

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BOUND = "( SELECT NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text) AS \\"nullif\\")"
OWN_ROWS = f"((tenant_id)::text = {BOUND})"


def upgrade():
    op.create_table(
        "notes",
        sa.Column("tenant_id", sa.String(100), nullable=False,
                  server_default=sa.text("NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)")),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notes"),
    )
    op.grant("{roles}_app", ("DELETE", "INSERT", "SELECT", "UPDATE"), "notes")
    op.grant("{roles}_admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), "notes")
    op.create_policy("tenant_isolation_policy", "notes", roles=("{roles}_app",), using=OWN_ROWS, check=OWN_ROWS)
    op.create_policy("owner_maintenance_policy", "notes", roles=("{roles}_owner",), using="true", check="true")
    op.enable_row_security("notes")


def downgrade():
    op.drop_table("notes")
"""

# What the tests of the project say about the server, for whoever looks afterwards.
WITNESS = """
import os
from pathlib import Path
import pytest


@pytest.fixture(autouse=True)
def witness(request):
    server = request.getfixturevalue("tenantry_server")
    status = server.status()
    with open(Path(__file__).parent / "places", "a") as places:
        print(status.data_directory, status.pid, status.address.hosts[0].name, sep="\\n", file=places)
"""

PATIENCE = 100.0
# Plugins that our own suite has and that take seconds to import.
WITHOUT = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")
# `CI` and `BUILD_NUMBER` make pytest say everything twice, so that the same run would read differently in CI.
OURS = re.compile("TENANTRY_|PYTEST_|NOTES_|COV_|(CI|BUILD_NUMBER)$")


@dataclass
class UserProject:
    """The project's folder."""

    folder: Path

    def test(self, text: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Write the one test module, run pytest as the user does, and return what it said."""
        process = self.start(text, *options, **variables)
        said, complained = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, said, complained)

    def start(self, text: str, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Begin such a run, in a process group of its own."""
        (self.folder / "test_notes.py").write_text(text)
        inherited = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *WITHOUT, *options],
            cwd=self.folder,
            env={**inherited, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def interrupt(self, process: subprocess.Popen[str], *, when: str, number: signal.Signals) -> str:
        """Send a signal to all processes of the run, as a terminal does, once a test has made the file `when`."""
        self.wait_until((self.folder / when).exists)
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=PATIENCE)
        return said

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Return when it is so."""
        deadline = time.monotonic() + PATIENCE
        while not is_true():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def places(self) -> list[Path]:
        """Return where the run's server had its data, its process and its socket."""
        data, pid, socket = (self.folder / "places").read_text().splitlines()[:3]
        return [Path(data), Path("/proc") / pid, Path(socket)]


def write_project(folder: Path, *, mode: str = "strict", roles: str = "notes") -> UserProject:
    """Write the project; `roles` is how the names of its roles begin."""
    files = {
        "pyproject.toml": PYPROJECT.format(mode=mode),
        "conftest.py": WITNESS,
        "notes/__init__.py": "",
        "notes/service.py": SERVICE,
        "notes/migrations/env.py": ENVIRONMENT,
        "notes/migrations/versions/0001_notes.py": REVISION,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{roles}", roles))
    return UserProject(folder)
