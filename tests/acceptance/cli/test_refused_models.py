"""Every command refuses models that cannot be isolated, in the same words, before it starts or changes anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = """
import uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tenantry import TenantBase, TenantScoped


class Base(TenantBase, DeclarativeBase):
    pass


class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
"""

SERVICE = """
from pydantic_settings import SettingsConfigDict
from shelf.models import Base
from tenantry import DatabaseSettings, Service


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHELF_")


service = Service(name="shelf", base=Base, settings=Settings)
"""

COMMANDS = [
    "prepare",
    "up",
    "migrate",
    "rollback base --yes",
    "revision -m change",
    "audit",
    "prove isolation",
    "status",
]
ALEMBIC = ["upgrade head", "upgrade head --sql", "check"]

REFUSAL = "Table 'books' is unique over title across tenants."
ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only model has a unique key across tenants."""
    package = tmp_path / "shelf"
    (package / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.tenantry]\nservices = ["shelf.service:service"]\n')
    env = (
        "from shelf.service import service\nfrom tenantry.alembic import run_environment\n\nrun_environment(service)\n"
    )
    template = ROOT / "src" / "tenantry" / "migrations" / "script_directory" / "script.py.mako"
    texts = {
        "__init__.py": "",
        "models.py": MODELS,
        "service.py": SERVICE,
        "migrations/env.py": env,
        "migrations/script.py.mako": template.read_text(),
        "alembic.ini": (
            "[alembic]\nscript_location = %(here)s/migrations\nprepend_sys_path = %(here)s/..\npath_separator = os\n"
        ),
    }
    for name, text in texts.items():
        (package / name).write_text(text)
    return tmp_path


def run(folder: Path, module: str, arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TENANTRY_", "DATABASE"))}
    return subprocess.run(
        [str(Path(sys.executable).parent / module), *arguments.split()],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_the_models(project: Path, command: str) -> None:
    done = run(project, "tenantry", command)
    assert done.returncode == 1
    assert REFUSAL in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (project / ".tenantry" / "postgres").exists()
    assert list((project / "shelf" / "migrations" / "versions").glob("*.py")) == []


@pytest.mark.parametrize("command", ALEMBIC)
def test_alembic_refuses_the_models(project: Path, command: str) -> None:
    done = run(project / "shelf", "alembic", command)
    assert done.returncode != 0
    assert REFUSAL in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list((project / "shelf" / "migrations" / "versions").glob("*.py")) == []


def test_doctor_reports_the_models_once(project: Path) -> None:
    done = run(project, "tenantry", "doctor --json")
    found = [one["message"] for one in json.loads(done.stdout)["checks"] if one["status"] == "fail"]
    assert len(found) == 1
    assert REFUSAL in found[0]
