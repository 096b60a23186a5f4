"""`tenantry`: finds and runs the command, and returns its exit status.

The exit status is 0 for success, 1 for an error or a finding, 2 for wrong usage and 130 for an interruption. Only click
is imported before a command runs, so that `--help` does not import SQLAlchemy. `--help` imports the command modules,
which import only click at their top.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from tenantry import errors
from tenantry.cli.output import write_error

__all__ = ["COMMANDS", "main", "tenantry"]

# In the order in which a new user needs them. Each is a module of this package, with a command of the same name.
COMMANDS = (
    *("up", "prepare", "down", "status", "psql", "doctor"),
    *("migrate", "rollback", "revision", "merge", "history"),
    *("audit", "prove", "tenant", "token", "context"),
)

# Optional packages that commands import, and the extra that installs each.
_EXTRAS = {"fastapi": "web", "uvicorn": "web", "jwt": "web", "boto3": "aws", "pgvector": "vector"}

FINE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"tenantry.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tenantry", message="%(version)s")
def tenantry() -> None:
    """Run services whose tenants share one PostgreSQL database: isolation, migrations, pooling, health.

    Run it anywhere inside a project: a folder whose pyproject.toml has a [tool.tenantry] table.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status. Only this function prints errors."""
    try:
        status = tenantry.main(arguments, prog_name="tenantry", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed the pipe. Python would report that again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (errors.TenantryError, click.ClickException, ModuleNotFoundError) as error:
        return _tell(error, as_json="--json" in arguments)
    return status if isinstance(status, int) else FINE


def _tell(error: Exception, *, as_json: bool) -> int:
    """Print the error, and return the exit status for it."""
    if isinstance(error, click.UsageError):
        if as_json:
            usage = error.ctx.get_usage() if error.ctx else ""
            write_error(_Misuse(error.format_message(), remedy=usage), as_json=True, is_said=False)
        error.show()
        return MISUSED
    if isinstance(error, click.ClickException):
        error = _Failure(error.format_message())
    missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
    if isinstance(missing, ModuleNotFoundError):
        extra = _EXTRAS.get((missing.name or "").partition(".")[0])
        if extra is not None:
            remedy = f"Install it with: pip install 'tenantry[{extra}]'"
            error = _Failure(f"This command needs {missing.name}, which is not installed.", remedy=remedy)
        elif error is missing:
            raise error
    assert isinstance(error, errors.TenantryError)
    write_error(error, as_json=as_json)
    return FAILED


class _Misuse(errors.TenantryError):
    code = "usage"


class _Failure(errors.TenantryError):
    code = "command"
