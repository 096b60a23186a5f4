"""The revision of the schema: which ones the database has, and which ones this build of the service expects."""

from __future__ import annotations

from typing import Any, NamedTuple

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from tenantry.migrations.configuration import script_directory
from tenantry.migrations.fingerprint import MODELS
from tenantry.migrations.recorded import read_recorded
from tenantry.service import Service
from tenantry.sql import qualified

__all__ = ["VERSION_TABLE", "Revisions", "read_revisions"]

# Alembic's table. The application's role reads it for `/readyz`; only the owner writes it.
VERSION_TABLE = ("public", "alembic_version")


class Revisions(NamedTuple):
    """The revisions of the database, those that this build expects, and those that it does not know.

    `models` is the fingerprint of the models at the last migration, None if it is unknown.
    """

    found: frozenset[str]
    expected: frozenset[str]
    unknown: frozenset[str]
    is_readable: bool
    models: str | None = None


def read_revisions(connection: Connection, service: Service, version_table: dict[str, Any] | None) -> Revisions:
    """Read the version table, whose row of the statement `relations` is None where the table does not exist."""
    scripts = script_directory(service)
    expected = frozenset(scripts.get_heads())
    if version_table is None:
        return Revisions(frozenset(), expected, frozenset(), is_readable=True)
    if not version_table["is_readable"]:
        return Revisions(frozenset(), expected, frozenset(), is_readable=False)
    statement = f"SELECT version_num FROM {qualified(*VERSION_TABLE)}"  # noqa: S608  # quoted by `qualified`
    found = frozenset(connection.exec_driver_sql(statement).scalars())
    unknown = frozenset(revision for revision in found - expected if not _is_known(scripts, revision))
    models = read_recorded(connection).get(MODELS)
    return Revisions(found, expected, unknown, is_readable=True, models=models)


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False
