"""Write revisions: from the difference between models and database, empty ones, and merges of heads."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from alembic import command
from alembic.config import Config
from alembic.operations import MigrateOperation
from alembic.script import Script
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.configuration import make_config, provide_template, script_directory
from tenantry.migrations.defaults import FillOp, add_values, columns_without_value, parse_default
from tenantry.migrations.description import Change, describe
from tenantry.migrations.failure import server_sentence, stored_heads
from tenantry.migrations.folder import only_head
from tenantry.migrations.rename_operations import RenameOp
from tenantry.migrations.renames import Rename, arrange, candidates, carry_out, parse_rename
from tenantry.migrations.revisions import translated
from tenantry.migrations.target import open_target
from tenantry.service import Service

__all__ = ["Asker", "Written", "make_revision", "merge_heads"]


class Asker(Protocol):
    """Asks a developer at a terminal."""

    def is_renamed(self, rename: Rename) -> bool:
        """Ask whether something that is gone has another name now."""

    def value_for(self, column: str, type_: str) -> str | None:
        """Ask for the SQL expression that rows which exist get in a column that becomes NOT NULL; None for no value."""


@dataclass(frozen=True, slots=True)
class Written:
    """A new revision; `path` is None if nothing differs. `left_alone` are the undeclared objects of the database."""

    service: str
    path: Path | None
    changes: tuple[Change, ...] = ()
    left_alone: tuple[str, ...] = ()


async def make_revision(
    deployment: Deployment,
    message: str,
    *,
    is_empty: bool = False,
    drop: Collection[str] = (),
    renames: Sequence[str] = (),
    defaults: Sequence[str] = (),
    asker: Asker | None = None,
) -> Written:
    """Write a revision that changes the database to match the models.

    Args:
        deployment: the service, whose database is at head.
        message: the summary, which becomes part of the file's name.
        is_empty: write no operations, for changes that a comparison cannot find.
        drop: the names of undeclared objects that the revision drops.
        renames: `table.old:new` or `old:new` for what has another name now.
        defaults: `table.column=SQL` for rows that exist, where a column becomes NOT NULL.
        asker: asks about renames and values that are not given.

    Raises:
        MigrationError: the database is not at head, so a comparison would repeat earlier revisions.
        ConfigurationError: a rename or a default does not fit.
    """
    service = deployment.service
    with translated(service):
        directory = script_directory(service)
        only_head(service, directory)
        provide_template(directory)
        if is_empty:
            config = _quiet_config(service)
            return Written(service.name, _path(command.revision(config, message)))
        draft = _Draft(
            deployment, message, drop, [parse_rename(one) for one in renames], dict(map(parse_default, defaults)), asker
        )
        async with open_target(deployment) as target, target.connection() as connection:
            return await connection.run_sync(draft.write)


async def merge_heads(deployment: Deployment, message: str) -> Written:
    """Write a revision without operations that follows all heads; without several heads, write nothing."""
    service = deployment.service
    with translated(service):
        directory = script_directory(service)
        heads = directory.get_heads()
        if len(heads) < 2:  # noqa: PLR2004  # one head needs no merge
            return Written(service.name, None)
        provide_template(directory)
        merged = command.merge(_quiet_config(service), "heads", message=message)
        return Written(service.name, _path(merged), (Change(f"merge {' and '.join(sorted(heads))}"),))


class _Draft:
    """One revision while it is compared and written."""

    def __init__(
        self,
        deployment: Deployment,
        message: str,
        drop: Collection[str],
        renames: list[Rename],
        defaults: dict[str, str],
        asker: Asker | None,
    ) -> None:
        self._service = deployment.service
        self._message = message
        self._drop = drop
        self._renames = renames
        self._defaults = defaults
        self._asker = asker

    def write(self, connection: Connection) -> Written:
        """Compare, ask, and write the file. The database is left as it is."""
        self._check_current(connection)
        try:
            if self._asker is not None:
                self._ask(connection, self._asker)
            return self._finish(connection, self._carry_out(connection))
        finally:
            connection.rollback()

    def _ask(self, connection: Connection, asker: Asker) -> None:
        """Ask while no rename is carried out, because a rename locks its table."""
        operations = self._find_operations(connection)
        if not self._renames:
            self._renames = list(_asked(operations, asker))
            if self._renames:
                operations = self._find_operations(connection)
        for column, type_ in columns_without_value(operations):
            value = None if column in self._defaults else asker.value_for(column, type_)
            if value is not None:
                self._defaults[column] = value

    def _find_operations(self, connection: Connection) -> list[MigrateOperation]:
        """Compare without writing, and undo the renames."""
        try:
            self._carry_out(connection)
            return self._compare(connection, lambda _: False).operations
        finally:
            connection.rollback()

    def _check_current(self, connection: Connection) -> None:
        head, stored = only_head(self._service, script_directory(self._service)), stored_heads(connection)
        if set(stored) != ({head} if head else set()):
            name = self._service.name
            raise errors.MigrationError(
                f"The database of {name} is at {', '.join(stored) or 'base'}, and the newest revision is {head}.",
                why="A comparison would repeat what the revisions in between do.",
                remedy=f"Run: tenantry migrate --service {name}, and write the revision after it.",
            )

    def _carry_out(self, connection: Connection) -> list[RenameOp]:
        if not self._renames:
            return []
        try:
            return carry_out(connection, self._renames, self._service.metadata)
        except DBAPIError as error:
            raise errors.ConfigurationError(
                f"The rename does not fit the database: {server_sentence(error)}",
                remedy="Write the old name as the database has it, and the new name as the models have it.",
            ) from error

    def _finish(self, connection: Connection, renamed: list[RenameOp]) -> Written:
        changes: list[Change] = []

        def keep(script: Any) -> bool:
            operations = arrange(renamed, script.upgrade_ops.ops)
            add_values(connection, operations, self._defaults)
            script.upgrade_ops.ops[:] = operations
            script.upgrade_ops.reverse_into(script.downgrade_ops)
            _remove_fills(script.downgrade_ops.ops)
            changes.extend(_with_hints(describe(operations), candidates(operations)))
            return bool(operations)

        compared = self._compare(connection, keep)
        return Written(self._service.name, compared.path, tuple(changes), compared.left_alone)

    def _compare(self, connection: Connection, keep: Callable[[Any], bool]) -> _Compared:
        """Compare models and database; write the file if `keep` returns True for Alembic's script."""
        found: list[MigrateOperation] = []

        def decide(_context: Any, _revision: Any, directives: list[Any]) -> None:
            found.extend(directives[0].upgrade_ops.ops)
            if not keep(directives[0]):
                directives.clear()

        config = _quiet_config(self._service)
        left_alone: list[str] = []
        config.attributes.update(connection=connection, tenantry_drop=self._drop, tenantry_left_alone=left_alone)
        made = command.revision(config, self._message, autogenerate=True, process_revision_directives=decide)
        return _Compared(found, _path(made), tuple(left_alone))


@dataclass(frozen=True, slots=True)
class _Compared:
    operations: list[MigrateOperation]
    path: Path | None
    left_alone: tuple[str, ...]


def _asked(operations: Sequence[MigrateOperation], asker: Asker) -> Iterator[Rename]:
    """Yield the renames that the developer agrees to; a name that is taken is not asked about again."""
    taken: set[tuple[str, str, str]] = set()
    for one in candidates(operations):
        names = {(one.schema, one.table, name) for name in (one.old, one.new)}
        if not taken & names and asker.is_renamed(one):
            taken |= names
            yield one


def _with_hints(changes: Sequence[Change], renames: Iterable[Rename]) -> list[Change]:
    """Say of what is dropped how to rename it instead, if the same revision adds something like it."""
    hints: dict[str, str] = {}
    for one in renames:
        option = f"--rename {str(one).partition(' ')[2]}:{one.new}"
        hints.setdefault(f"drop {one}", f"If it has another name now, write the revision again with {option}.")
    return [
        dataclasses.replace(one, advice=f"{one.advice} {hints[one.text]}") if one.text in hints else one
        for one in changes
    ]


def _remove_fills(operations: list[Any]) -> None:
    for container in operations:
        if hasattr(container, "ops"):
            container.ops[:] = [one for one in container.ops if not isinstance(one, FillOp)]


def _quiet_config(service: Service) -> Config:
    config = make_config(service)
    # Alembic prints its progress to stdout, which is for data.
    config.cmd_opts = Namespace(quiet=True)
    return config


def _path(made: Script | list[Script | None] | None) -> Path | None:
    scripts = [one for one in (made if isinstance(made, list) else [made]) if isinstance(one, Script)]
    return Path(scripts[0].path) if scripts else None
