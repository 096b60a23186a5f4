"""Sabotage of the toolkit: each takes one hook out of its own code, and names the attacks that must notice.

What row security holds alone, or the toolkit's predicate alone, is defence in depth; there both lines are taken out.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock
from unittest.mock import AsyncMock

import predicate_sabotage
from sqlalchemy.ext.asyncio import create_async_engine
from toolkit_sabotage import (
    SABOTAGES,
    Sabotage,
    binding_by,
    no_policies,
    no_predicates,
    sabotage,
)

from tenantry import errors
from tenantry.postgres import connection as connection_module
from tenantry.postgres import engine as engine_module
from tenantry.postgres.connection import Connection
from tenantry.postgres.endpoint import Purpose, resolve_endpoint
from tenantry.postgres.session_cleaning import clean_backend
from tenantry.tenancy import context, database, encrypted_text, guard, named_tables, predicate, scope, unit_of_work
from tenantry.tenancy.database import Database
from tenantry.tenancy.encrypted_text import EncryptedText
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope

# Imported to be registered.
_ALSO = predicate_sabotage

__all__ = ["SABOTAGES", "Sabotage", "no_policies", "no_predicates"]


@sabotage(
    "session_commit",
    "pool_after_deadline",
    "pool_after_death",
    "session_without_tenant",
    "pool_after_cancellation",
    "pool_after_random_cancellation",
)
def no_binding_at_begin() -> Iterator[None]:
    """The scope is never bound."""
    with binding_by(None):
        yield


@sabotage("session_reuse", "context_in_background_task")
def sessions_that_start_again() -> Iterator[None]:
    """As in SQLAlchemy: a session that is used after its unit of work begins another transaction."""
    with mock.patch.object(database, "end_session"):
        yield


@sabotage("session_commit", "session_rollback", "session_reuse", "session_second_begin")
def binding_of_the_first_transaction_only() -> Iterator[None]:
    """As in a peer of ours: after a commit or a rollback the session goes on unbound."""

    def once(bound: Any, transaction: Any, connection: Any) -> None:
        if not bound.info.get("once"):
            bound.info["once"] = True
            unit_of_work._bind(bound, transaction, connection)

    with binding_by(once):
        yield


@contextmanager
def uncleaned() -> Iterator[None]:
    """Hand connections on as they are."""
    with (
        mock.patch.object(Connection, "_cleaning", return_value=""),
        mock.patch.object(Connection, "clean", AsyncMock()),
        mock.patch.object(Connection, "hand_out", return_value=True),
    ):
        yield


def _preamble(template: str) -> Any:
    def text(self: Scope) -> str:
        return "" if self.tenant is None else template.format(self.tenancy.setting, self.tenant)

    return mock.patch.object(Scope, "preamble", property(text))


@sabotage("pool_after_commit", "session_savepoints", "session_end_by_text", "session_in_two_tasks")
def binding_for_the_session() -> Iterator[None]:
    """SET in the place of SET LOCAL, and nothing cleans it away."""
    with uncleaned(), _preamble("SET {} = '{}'"):
        yield


@sabotage("tenant_tricky_names")
def binding_without_quoting() -> Iterator[None]:
    """The tenant's name is put between two quotes as it is."""
    with _preamble("SET LOCAL {} = '{}'"):
        yield


@sabotage("session_commit", "core_text")
def begin_without_the_preamble() -> Iterator[None]:
    """The driver's connection forgets to send the binding with BEGIN."""
    real = Connection._begin

    async def begin(self: Connection, query: str, end: int, limit: float | None) -> str:
        self.preamble = ""
        return await real(self, query, end, limit)

    with mock.patch.object(Connection, "_begin", begin):
        yield


@sabotage(
    "pool_after_commit",
    "pool_after_rollback",
    "pool_after_error",
    "pool_after_timeout",
    "pool_after_read_only",
)
def preamble_kept_on_the_connection() -> Iterator[None]:
    """Nothing clears it, neither when the connection goes back nor when it is taken."""
    with mock.patch.object(engine_module, "_clear_preamble"):
        yield


@sabotage(
    "pool_session_setting",
    "pool_session_settings",
    "pool_session_objects",
    "pool_statements_replaced",
    "pool_statements_deallocated",
)
def session_left_as_it_is() -> Iterator[None]:
    """Nothing is cleaned when a connection is handed on."""
    with uncleaned():
        yield


@sabotage("pool_statements_replaced", "pool_statements_deallocated")
def statements_not_counted() -> Iterator[None]:
    """Everything is cleaned, and the prepared statements are taken as they are."""

    def clean(_prepared: int) -> str:
        return clean_backend({}).replace("WHERE from_sql", "WHERE false")

    with mock.patch.object(connection_module, "clean_session", clean):
        yield


@sabotage("pool_after_abandonment")
def pool_without_reset() -> Iterator[None]:
    """The pool takes connections back as they are, and hands them on so: neither reset, cleaned nor ended."""
    careless = functools.partial(create_async_engine, pool_reset_on_return=None)
    with (
        uncleaned(),
        mock.patch.object(engine_module, "create_async_engine", careless),
        mock.patch.object(Connection, "is_idle", new=True),
    ):
        yield


@sabotage("engine_without_unit_of_work", "session_without_tenant", "context_in_background_task", "context_in_thread")
def no_guard() -> Iterator[None]:
    """Statements on tenant tables are sent without a tenant."""
    with mock.patch.object(named_tables.TableFinder, "find", return_value=None):
        yield


@sabotage("session_autocommit")
def no_refusal_of_autocommit() -> Iterator[None]:
    """A tenant is bound where every statement is a transaction of its own."""

    def bind(bound: Any, _transaction: Any, connection: Any) -> None:
        its = unit_of_work.scope_of(bound)
        if its is not None:
            connection.execution_options(**{EXECUTION_OPTION: its})
            connection.connection.driver_connection.preamble = its.preamble

    with binding_by(bind):
        yield


@sabotage("reader_writes")
def readers_that_send_writes() -> Iterator[None]:
    """A reader sends a typed statement that writes, and leaves it to the server."""
    with mock.patch.object(unit_of_work, "_reading", lambda statement: statement):
        yield


@sabotage("reader_writes")
def reader_that_may_write() -> Iterator[None]:
    """The reader's transactions are not READ ONLY."""
    real = Database.open

    async def open_writable(self: Database) -> None:
        await real(self)
        self._reader = self._engine

    with mock.patch.object(Database, "open", open_writable):
        yield


@sabotage("sealed_value_moved")
def sealing_without_the_tenant() -> Iterator[None]:
    """The ciphertext is bound to its table and column, and to nobody."""
    real = encrypted_text._associated
    with mock.patch.object(encrypted_text, "_associated", lambda place, _tenant: real(place, "")):
        yield


@sabotage("sealed_value_moved")
def nothing_sealed() -> Iterator[None]:
    """The column stores what it is given."""
    with mock.patch.object(EncryptedText, "process_bind_param", lambda _self, value, _dialect: value):
        yield


@sabotage("session_nested")
def context_not_restored() -> Iterator[None]:
    """After an inner unit of work, the outer one's logs go on under the inner one's name."""

    @contextmanager
    def log_tenant(tenant: str | None) -> Iterator[None]:
        context._tenant.set(tenant)
        yield

    with mock.patch.object(database, "log_tenant", log_tenant):
        yield


@sabotage("session_nested")
def scope_taken_from_the_context() -> Iterator[None]:
    """What a session may see is decided by who runs, not by the session."""
    real = unit_of_work.scope_of

    def by_context(bound: Any) -> Scope | None:
        its, tenant = real(bound), context.current_tenant()
        return its if its is None or its.is_admin or tenant is None else dataclasses.replace(its, tenant=tenant)

    with mock.patch.object(unit_of_work, "scope_of", by_context):
        yield


@sabotage("session_nested", "interleaved_tasks")
def scope_of_the_latest_session() -> Iterator[None]:
    """All sessions of the process share one scope, that of the last who came."""
    latest: list[Scope] = []
    real = Database._write

    def write(self: Database, engine: Any, kind: Any, given: Scope) -> Any:
        latest.append(given)
        return real(self, engine, kind, given)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Database, "_write", write))
        stack.enter_context(mock.patch.object(unit_of_work, "scope_of", side_effect=lambda _session: latest[-1]))
        yield


@sabotage("admin_session", "core_text")
def application_in_the_admins_role() -> Iterator[None]:
    """The application's pool logs in as the admin, and nobody looks at the role."""

    def endpoint(self: Database, _purpose: Purpose) -> Any:
        return resolve_endpoint("admin", self.settings, self.roles, database=self.name, server=self._server)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Database, "_endpoint", endpoint))
        stack.enter_context(mock.patch.object(database, "check_safe", return_value=()))
        yield


@sabotage("admin_session")
def admin_without_a_reason() -> Iterator[None]:
    """An admin session opens for whoever asks."""
    real = Database.admin
    with mock.patch.object(Database, "admin", lambda self, *, reason: real(self, reason=reason.strip() or "none")):
        yield


@sabotage("tenant_missing")
def any_tenant_will_do() -> Iterator[None]:
    """What is given as a tenant is not looked at."""

    def parse(value: object, column_type: Any) -> Any:
        try:
            return scope.parse_tenant(value, column_type)
        except errors.TenancyError:
            return "default"

    with mock.patch.object(database, "parse_tenant", parse):
        yield


@sabotage("pool_prepared_statements", "interleaved_tasks")
def predicate_of_the_first_tenant() -> Iterator[None]:
    """A statement keeps the tenant that it was first sent for."""
    first: list[Scope] = []

    def with_first(statement: Any, its: Scope) -> Any:
        first.append(its)
        return predicate.with_predicates(statement, first[0])

    with mock.patch.object(guard, "with_predicates", with_first):
        yield
