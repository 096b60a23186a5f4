"""What a rollback destroys: read from the SQL of the downgrades, before any of it runs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
from alembic import command
from alembic.util import CommandError

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.configuration import make_config, script_directory
from tenantry.migrations.revisions import translated
from tenantry.migrations.runner import current_revision
from tenantry.sql import qualified

__all__ = ["Loss", "RollbackPlan", "find_losses", "plan_rollback"]

# Counting is cheap up to here; above, only that there are more rows is said.
MOST_COUNTED = 10_000

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_TABLE = rf"({_NAME}(?:\.{_NAME})?)"
_LOSSES = re.compile(
    rf"\bDROP TABLE (?:IF EXISTS )?{_TABLE}"
    rf"|\bALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_TABLE} DROP (?:COLUMN )?(?:IF EXISTS )?"
    rf"(?!CONSTRAINT\b|COLUMN\b)({_NAME})"
    rf"|\bTRUNCATE (?:TABLE )?(?:ONLY )?{_TABLE}"
    rf"|\bDELETE FROM (?:ONLY )?{_TABLE}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Loss:
    """A table or a column whose contents a rollback destroys.

    `rows` is the number of rows of the table, None if it is not known; with `has_more`, there are more.
    """

    kind: str
    name: str
    rows: int | None = None
    has_more: bool = False

    def __str__(self) -> str:
        if self.rows is None:
            return f"{self.kind} {self.name}"
        count = f"{'more than ' if self.has_more else ''}{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{self.kind} {self.name} ({count})"


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do; `losses` is None if the downgrades cannot be read without running them."""

    service: str
    previous: str | None
    revisions: tuple[str, ...]
    losses: tuple[Loss, ...] | None


async def plan_rollback(deployment: Deployment, target: str) -> RollbackPlan:
    """Return what a rollback to `target` would do. It changes nothing.

    Raises:
        MigrationError: there is no such revision.
    """
    service = deployment.service
    with translated(service):
        scripts = script_directory(service)
        current = await current_revision(deployment)
        if current is None:
            return RollbackPlan(service.name, None, (), ())
        if not any(script.revision == current for script in scripts.walk_revisions()):
            # The command itself reports it.
            return RollbackPlan(service.name, current, (), None)
        script = _script_of(deployment, f"{current}:{target}")
    if script is None:
        return RollbackPlan(service.name, current, (), None)
    revisions = tuple(re.findall(r"^-- Running downgrade (\S+) ->", script, re.MULTILINE))
    counted = [await _count(deployment, loss) for loss in dict.fromkeys(find_losses(script))]
    return RollbackPlan(service.name, current, revisions, tuple(counted))


def find_losses(script: str) -> Iterator[Loss]:
    """Yield what the SQL of a downgrade destroys."""
    for found in _LOSSES.finditer(re.sub(r"^--.*$", "", script, flags=re.MULTILINE)):
        dropped, table, column, emptied, deleted = (_plain(name) for name in found.groups())
        if dropped:
            yield Loss("table", dropped)
        elif column:
            yield Loss("column", f"{table}.{column}")
        elif (emptied or deleted) not in ("alembic_version", "public.alembic_version"):
            yield Loss("rows of", emptied or deleted)


def _plain(name: str | None) -> str:
    return re.sub(r'"((?:[^"]|"")+)"', lambda quoted: quoted[1].replace('""', '"'), name or "").removeprefix("public.")


def _script_of(deployment: Deployment, span: str) -> str | None:
    config = make_config(deployment.service)
    config.output_buffer = io.StringIO()
    try:
        command.downgrade(config, span, sql=True)
    except (CommandError, errors.TenantryError):
        raise
    except Exception:  # noqa: BLE001  # A downgrade that queries the database may raise anything without one.
        return None
    return config.output_buffer.getvalue()


async def _count(deployment: Deployment, loss: Loss) -> Loss:
    table = loss.name.rpartition(".")[0] if loss.kind == "column" else loss.name
    schema, _, name = table.rpartition(".")
    statement = f"SELECT count(*) FROM (SELECT FROM {qualified(schema or 'public', name)} LIMIT $1) AS few"  # noqa: S608
    try:
        async with deployment.connect("migration", "rollback") as connection:
            rows = await connection.fetchval(statement, MOST_COUNTED + 1)
    except (asyncpg.PostgresError, errors.TenantryError):
        return loss
    return Loss(loss.kind, loss.name, min(rows, MOST_COUNTED), rows > MOST_COUNTED)
