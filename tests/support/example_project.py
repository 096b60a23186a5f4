"""A project outside of the checkout in which the blocks of Python on the pages run, with the installed package alone.

A note above a block says what is special about it. Readers do not see it:

- `file: PATH` writes the block there, for the blocks below it on the page, and imports it;
- `revision: SERVICE` makes it a revision of that service, which is migrated and rolled back;
- `not run: REASON` leaves it out. The reason is required.

Any other block is executed. Then each coroutine function of it that takes no argument is called, and models of it must
be ones that a service may have.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from documents import ROOT, Block, blocks

__all__ = ["ExampleProject", "write_example_project"]

PYPROJECT = """
[tool.tenantry]
services = ["bookshop.service:service", "ai_agents.service:service", "items.service:service"]
"""

ROUTES = """
from fastapi import APIRouter

router = APIRouter()
"""

# Runs in the installed environment.
RUNNER = """
import asyncio
import importlib.util
import inspect
import sys

spec = importlib.util.spec_from_file_location("example", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["example"] = module
spec.loader.exec_module(module)
for value in list(vars(module).values()):
    if inspect.iscoroutinefunction(value) and value.__module__ == "example" and not inspect.signature(value).parameters:
        asyncio.run(value())
if hasattr(module, "Base"):
    from sqlalchemy.orm import configure_mappers
    from tenantry.tenancy.rules import check_declarations

    configure_mappers()
    check_declarations(module.Base.metadata)
"""

REVISION = '''"""An example."""

revision = "example"
down_revision = "{head}"

{text}
'''

# A page's block may need seconds for a server that starts.
PATIENCE = 120


@dataclass(frozen=True)
class ExampleProject:
    """The project's folder, and the Python that has the installed package."""

    folder: Path
    python: Path

    def follow(self, block: Block) -> None:
        """Do what the block says."""
        kind, _, rest = block.note.partition(": ")
        match kind:
            case "file":
                path = self.folder / rest
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
                # Only Alembic can run its environment, which is imported with it.
                if path.name != "env.py":
                    self.run(self.python, path)
            case "revision":
                self._migrate(block, rest)
            case "not run":
                assert rest, f"{block}: a block that is not run says why"
            case _:
                example = self.folder / "example.py"
                example.write_text(block.text, encoding="utf-8")
                self.run(self.python, "run_example.py", example)

    def run(self, *command: str | Path) -> str:
        """Run a program in the project, without the variables of the tests; return what it printed."""
        ours = re.compile("(AI_AGENTS|ITEMS|BOOKSHOP|DATABASE|DB|TENANTRY|PYTEST|PG)")
        kept = {name: value for name, value in os.environ.items() if not ours.match(name)}
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "PATH": path, "PYTHONPATH": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}"
        return done.stdout

    def _migrate(self, block: Block, service: str) -> None:
        """Run the block as the newest revision of a service, and back where the page says how."""
        history = self.folder / service / "migrations" / "versions"
        found = [
            re.search(r'^revision = "(\w+)"', path.read_text(), re.MULTILINE) for path in sorted(history.glob("*.py"))
        ]
        head = max(match[1] for match in found if match)
        path = history / "example.py"
        back = "" if "def downgrade" in block.text else "\n\ndef downgrade() -> None:\n    pass\n"
        path.write_text(REVISION.format(head=head, text=block.text + back), encoding="utf-8")
        options = ("--service", service)
        tenantry = self.python.parent / "tenantry"
        try:
            self.run(tenantry, "migrate", *options)
            self.run(tenantry, "rollback", head, "--yes", *options)
        finally:
            path.unlink()


def write_example_project(folder: Path, python: Path) -> ExampleProject:
    """Write the tutorial's bookshop with its first migration, and copies of the services that the pages tell of."""
    tutorial = ROOT / "docs" / "tutorial" / "first-service.md"
    files = {"pyproject.toml": PYPROJECT, "run_example.py": RUNNER, "bookshop/routes.py": ROUTES}
    for block in blocks(tutorial):
        kind, _, rest = block.note.partition(": ")
        if kind == "file" and rest.startswith("shops/bookshop/"):
            files[rest.removeprefix("shops/")] = block.text
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "bookshop" / "migrations" / "versions").mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", ".tenantry")
    for service in ("ai_agents", "items"):
        shutil.copytree(ROOT / "services" / service, folder / service, ignore=ignored)
    project = ExampleProject(folder, python)
    tenantry = python.parent / "tenantry"
    # The first `prepare` of a service without revisions reports that its tables are missing, and exits with 1.
    project.run("bash", "-c", f"{tenantry} prepare --service bookshop || test $? -eq 1")
    project.run(tenantry, "revision", "--service", "bookshop", "-m", "Shops and books")
    project.run(tenantry, "prepare")
    return project
