"""Turns any exception of a revision into one error.

The error has the revision, its file and line, the statement, the server's sentence, what was changed, and the remedy.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tenantry import errors
from tenantry.migrations import target
from tenantry.migrations.folder import versions_of
from tenantry.migrations.progress import Progress
from tenantry.postgres.sqlstate import chain_of, sqlstate_of
from tenantry.service import Service
from tenantry.tracebacks import Place, find_place, shown_path

__all__ = ["explain", "server_sentence", "stored_heads"]

LONGEST_STATEMENT = 600
_PASSWORD = re.compile(r"(PASSWORD\s+)'(?:[^']|'')*'", re.IGNORECASE)

_GUIDE = "Correct the file, and run the command again."
_EXISTS = (
    "The object was created outside of the migrations, or by another revision. Drop or rename it, or remove the "
    "operation from the file."
)
_MISSING = (
    "The object was dropped or renamed outside of the migrations, or an earlier revision does not create it. Compare "
    "the database with the models: tenantry audit."
)

# What to do, by SQLSTATE.
REMEDIES: Mapping[str, str] = {
    "23502": "Rows exist that have no value for it. Write the revision again with --default, or in three steps: add it "
    "nullable, fill it, set NOT NULL.",
    "23505": "Rows exist that have the same key. Merge or change these rows first, in this revision or before it.",
    "23503": "Rows exist that refer to a missing row. Correct or delete these rows first.",
    "23514": "Rows exist that violate the check. Correct these rows first.",
    "23P01": "Rows exist that overlap. Correct these rows first.",
    "22P02": "A value cannot be converted. Give the operation `postgresql_using=...`, or correct the rows first.",
    "22001": "A value is too long for the new type. Shorten the values first.",
    "22003": "A value is too large for the new type. Correct the rows first.",
    "42804": "The types cannot be converted by themselves. Give the operation `postgresql_using=...`.",
    "42501": "The owner of the schema may not do that. An administrator must grant it, or run the statement.",
    "2BP01": "Drop the objects that depend on it first, in this revision.",
    "55P03": "Another transaction uses the table, and later statements would wait behind the migration, so it waits at "
    "most {timeout}. Run the command again. If it fails again, find long transactions in pg_stat_activity.",
    "57014": "The statement was cancelled. Run the command again; a large change belongs in batches.",
    "40P01": "Another transaction locked the same tables in another order. Run the command again.",
    **dict.fromkeys(("42P07", "42710", "42701", "42723", "42P06"), _EXISTS),
    **dict.fromkeys(("42P01", "42703", "42704", "42883", "3F000"), _MISSING),
}
# The same revision can succeed the next time.
_REPEATABLE = {"55P03", "57014", "40P01"}


def explain(
    error: Exception, service: Service, connection: Connection, progress: Progress, scripts: ScriptDirectory
) -> errors.TenantryError:
    """Return the error to raise for what a run of migrations raised; the transaction is rolled back first."""
    place = find_place(error, lambda path: path.resolve().is_relative_to(versions_of(service).resolve()))
    now = _stored_after(connection)
    revision = _find_revision(place, progress, now, scripts)
    applied = tuple(step for step in progress.steps if step != revision)
    state = _describe_state(progress, applied, now)
    where = f" in revision {revision} ({place or 'no line of its file'})"
    if isinstance(error, errors.TenantryError):
        # It has its own code and remedy; only the place is missing.
        explained = copy.copy(error)
        explained.why = " ".join(part for part in (error.why, f"It happened{where}. {state}") if part)
        return explained
    statement = _shorten(_statement_of(error, progress))
    path = str(place.path) if place else _path_of(revision, scripts)
    where_in_file = str(place or (shown_path(Path(path)) if path else ""))
    return errors.RevisionFailed(
        f"Revision {revision or '(unknown)'} of {service.name} failed: {server_sentence(error)}",
        why="\n".join(part for part in (where_in_file, statement and f"Statement: {statement}", state) if part),
        remedy=_remedy(error),
        revision=revision,
        path=shown_path(Path(path)) if path else "",
        line=place.line if place else None,
        statement=statement,
        sqlstate=sqlstate_of(error),
        applied=applied,
    )


def server_sentence(error: BaseException) -> str:
    """Return the sentence of the server, or of the exception if it is not the server's; without values of rows."""
    links = list(chain_of(error))
    spoken = next((link for link in reversed(links) if getattr(link, "sqlstate", None)), links[-1])
    text = str(getattr(spoken, "message", None) or spoken).strip().partition("\n")[0]
    is_server = spoken is not error or isinstance(error, SQLAlchemyError)
    sentence = text if is_server and text else f"{type(error).__name__}: {text}".rstrip(": ")
    return sentence.rstrip(".") + "."


def stored_heads(connection: Connection) -> tuple[str, ...]:
    """Return the revisions in the version table, and leave the connection in or out of a transaction as it was."""
    was_in_transaction = connection.in_transaction()
    try:
        return tuple(MigrationContext.configure(connection).get_current_heads())
    finally:
        if not was_in_transaction:
            connection.rollback()


def _stored_after(connection: Connection) -> tuple[str, ...] | None:
    """Return the revisions after the failure; None if the connection is broken."""
    try:
        connection.rollback()
        return stored_heads(connection)
    except (SQLAlchemyError, OSError, errors.TenantryError):
        return None


def _find_revision(
    place: Place | None, progress: Progress, now: tuple[str, ...] | None, scripts: ScriptDirectory
) -> str:
    if place is not None:
        for script in scripts.walk_revisions():
            if Path(script.path).resolve() == place.path.resolve():
                return script.revision
    # Its operations ran, and its COMMIT failed: a constraint was checked only then.
    last = progress.steps[-1] if progress.steps else ""
    return "" if now is None or last in now else last


def _describe_state(progress: Progress, applied: tuple[str, ...], now: tuple[str, ...] | None) -> str:
    if now is None:
        return "The connection was lost. Check what the database has: tenantry status."
    if progress.is_partial:
        kept = (
            "The revision left its transaction (autocommit_block), so what it did before the error may stay: check it "
            "by hand."
        )
    else:
        kept = "Nothing of it was changed."
    stands = f"the schema is at {', '.join(now) or 'base'}"
    if applied:
        return f"{kept} {', '.join(applied)} ran before it and stays: {stands}."
    return f"{kept[:-1]}; {stands}."


def _statement_of(error: Exception, progress: Progress) -> str:
    for link in chain_of(error):
        if isinstance(link, DBAPIError) and link.statement:
            return link.statement
    return progress.statement if sqlstate_of(error) else ""


def _shorten(statement: str) -> str:
    line = _PASSWORD.sub(r"\1'***'", " ".join(statement.split()))
    return line if len(line) <= LONGEST_STATEMENT else line[: LONGEST_STATEMENT - 4] + " ..."


def _path_of(revision: str, scripts: ScriptDirectory) -> str:
    return scripts.get_revision(revision).path if revision else ""


def _remedy(error: Exception) -> str:
    state = sqlstate_of(error) or ""
    found = REMEDIES.get(state, "").format(timeout=target.TABLE_LOCK_TIMEOUT)
    return found if state in _REPEATABLE else f"{found} {_GUIDE}".strip()
