"""Sabotage of the toolkit on a database without row security, where only its predicates protect rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from sqlalchemy import Delete, Update
from toolkit_sabotage import PROTECTED, SABOTAGES, Sabotage, no_policies, no_predicates, without_policies

from tenantry import Address
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource
from tenantry.sql import qualified
from tenantry.tenancy import guard, predicate, unit_of_work
from tenantry.tenancy.scope import Scope

__all__: list[str] = []


@asynccontextmanager
async def _another_default(superuser: Address) -> AsyncIterator[None]:
    """Let the database fill in a tenant of its own choice, and no policy mind it."""
    connection = await connect(StaticSource(superuser), deadline=10, application_name="sabotage")
    try:
        for schema, name in await connection.fetch(PROTECTED):
            await connection.execute(f"ALTER TABLE {qualified(schema, name)} ALTER tenant_id SET DEFAULT 'nobody'")
    finally:
        await connection.close()
    async with no_policies(superuser):
        yield


SABOTAGES.append(Sabotage("another_default_and_no_policies", _another_default, ("orm_insert_filled",)))


@without_policies(
    "orm_select",
    "orm_get",
    "orm_stream",
    "orm_refresh",
    "orm_relationships",
    "orm_bulk",
    "core_select",
    "core_write",
    "admin_entities",
)
def no_predicates_and_no_policies() -> Iterator[None]:
    """Neither line stands."""
    with no_predicates():
        yield


@without_policies("orm_refresh")
def refresh_without_predicate_and_no_policies() -> Iterator[None]:
    """The predicate forgets the statements that load an entity anew."""

    def add(state: Any, its: Scope) -> None:
        if state.is_column_load:
            state.update_execution_options(**{predicate.PREDICATED: True})
        else:
            predicate.add_loader_criteria(state, its)

    with mock.patch.object(unit_of_work, "add_loader_criteria", add):
        yield


@without_policies("orm_flush_of_victims", "orm_merge", "orm_bulk")
def writes_without_predicate_and_no_policies() -> Iterator[None]:
    """The predicate forgets UPDATE and DELETE."""

    def only_reads(statement: Any, its: Scope) -> Any:
        return statement if isinstance(statement, Update | Delete) else predicate.with_predicates(statement, its)

    with mock.patch.object(guard, "with_predicates", only_reads):
        yield


@without_policies(
    "core_text",
    "core_insert_for_victim",
    "orm_insert_for_victim",
    "pool_after_commit",
    "pool_kept_driver_connection",
    "pool_session_setting",
    "reader_made_writable",
    "session_spelled_names",
    "interleaved_tasks",
)
def no_policies_alone() -> Iterator[None]:
    """The predicate stands, but text and inserts pass it by."""
    yield
