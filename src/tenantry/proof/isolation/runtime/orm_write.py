"""Attacks that write through the ORM: by flushing, merging and in bulk.

The server's counters of the transaction decide whether something was written, and not SQLAlchemy. Everything is rolled
back.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import InvalidRequestError, SAWarning, SQLAlchemyError
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.attempt import VIOLATION
from tenantry.proof.isolation.runtime.mapped import REFUSED, MappedTable, attributes, own_row
from tenantry.proof.isolation.runtime.orm_read import NO_ROW, victims_row
from tenantry.proof.isolation.runtime.registration import mapped_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, written
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []

# A key, a reference or a check refused the row that was made up, so it shows nothing about the tenant.
UNGUESSED = frozenset({"22001", "23502", "23503", "23505", "23514", "23P01"})

Write = Callable[[TenantSession, Any], Awaitable[object]]


@asynccontextmanager
async def _undone(toolkit: AttackedToolkit) -> AsyncIterator[TenantSession]:
    """Open a unit of work of the attacker that is rolled back."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        try:
            yield session
        finally:
            session.expunge_all()
            await session.rollback()


async def _check_writes_nothing(toolkit: AttackedToolkit, mapped: MappedTable, write: Write, where: str) -> bool:
    """Call `write` with the attacker's session and an entity of the victim. Return False if it has no row."""
    theirs = await victims_row(toolkit, mapped)
    if theirs is None:
        return False
    async with _undone(toolkit) as session:
        before = await written(session)
        try:
            # SQLAlchemy only warns if a DELETE found no row.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)
                await write(session, theirs)
        except (SQLAlchemyError, StaleDataError) as error:
            state = sqlstate_of(error)
            # Without a policy, a key refuses what a merge inserts. Any other error proves nothing.
            if state is not None and state not in REFUSED and not state.startswith(VIOLATION):
                raise
            return True
        count = await written(session) - before
        if count:
            raise Leak(f"{where} wrote {count} rows of another tenant")
    return True


async def _modify(session: TenantSession, mapped: MappedTable, entity: Any) -> None:
    flag_modified(entity, mapped.harmless)
    await session.flush()


@mapped_attack("flush the victim's entity, changed or deleted, from its own session")
async def orm_flush_of_victims(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Attach the victim's entity and change it; delete it; change a made-up entity with its key."""

    async def change(session: TenantSession, entity: Any) -> None:
        session.add(entity)
        await _modify(session, mapped, entity)

    async def remove(session: TenantSession, entity: Any) -> None:
        await session.delete(entity)
        await session.flush()

    async def make_up(session: TenantSession, entity: Any) -> None:
        names = [mapped.mapper.get_property_by_column(column).key for column in mapped.mapper.primary_key]
        forged = mapped.model(**{name: getattr(entity, name) for name in names})
        make_transient_to_detached(forged)
        session.add(forged)
        setattr(forged, mapped.harmless, getattr(entity, mapped.harmless))
        await _modify(session, mapped, forged)

    for write in (change, remove, make_up):
        if not await _check_writes_nothing(toolkit, mapped, write, f"a flush ({write.__name__})"):
            return skipped(NO_ROW)
    return blocked()


@mapped_attack("merge the victim's entity into its own session")
async def orm_merge(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Merge with and without loading. Neither may write a row."""

    async def merge(session: TenantSession, entity: Any) -> None:
        await session.merge(entity)
        await session.flush()

    async def merge_unloaded(session: TenantSession, entity: Any) -> None:
        await _modify(session, mapped, await session.merge(entity, load=False))

    for write in (merge, merge_unloaded):
        if not await _check_writes_nothing(toolkit, mapped, write, f"a {write.__name__.replace('_', ' ')}"):
            return skipped(NO_ROW)
    return blocked()


@mapped_attack("write the victim's rows in bulk")
async def orm_bulk(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Use the bulk methods of `Session`, and UPDATE and DELETE with and without the victim's key."""
    model, harmless = mapped.model, mapped.harmless

    def row_of(entity: Any) -> dict[str, Any]:
        names = [mapped.mapper.get_property_by_column(column).key for column in mapped.mapper.primary_key]
        return {name: getattr(entity, name) for name in (*names, harmless)}

    async def save_objects(session: TenantSession, entity: Any) -> None:
        flag_modified(entity, harmless)
        await session.run_sync(lambda sync: sync.bulk_save_objects([entity]))

    async def update_mappings(session: TenantSession, entity: Any) -> None:
        await session.run_sync(lambda sync: sync.bulk_update_mappings(mapped.mapper, [row_of(entity)]))

    async def update_by_key(session: TenantSession, entity: Any) -> None:
        await session.execute(update(model), [row_of(entity)])

    async def update_where(session: TenantSession, entity: Any) -> None:
        column = getattr(model, harmless)
        where = [
            column == value for column, value in zip(mapped.mapper.primary_key, mapped.key_of(entity), strict=True)
        ]
        statement = update(model).where(*where).values({column: column})
        await session.execute(statement, execution_options={"synchronize_session": False})

    async def delete_where(session: TenantSession, _entity: Any) -> None:
        statement = delete(model).where(model.__tenant__ != parse_tenant(toolkit.attacker, mapped.tenant.type))
        await session.execute(statement, execution_options={"synchronize_session": False})

    for write in (save_objects, update_mappings, update_by_key, update_where, delete_where):
        if not await _check_writes_nothing(toolkit, mapped, write, f"bulk ({write.__name__})"):
            return skipped(NO_ROW)
    return blocked()


@mapped_attack("add entities with the victim's tenant, alone and in bulk")
async def orm_insert_for_victim(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Insert rows with the victim's tenant in every way of the ORM. The policy must refuse each."""
    victim = parse_tenant(toolkit.victim, mapped.tenant.type)
    model, tenant = mapped.model, mapped.model.__tenant__.key

    async def add(session: TenantSession, values: dict[str, Any]) -> None:
        session.add(model(**values))
        await session.flush()

    async def save_objects(session: TenantSession, values: dict[str, Any]) -> None:
        await session.run_sync(lambda sync: sync.bulk_save_objects([model(**values)]))

    async def insert_mappings(session: TenantSession, values: dict[str, Any]) -> None:
        await session.run_sync(lambda sync: sync.bulk_insert_mappings(mapped.mapper, [values]))

    async def insert_many(session: TenantSession, values: dict[str, Any]) -> None:
        await session.execute(insert(model), [values, values])

    async def insert_values(session: TenantSession, values: dict[str, Any]) -> None:
        await session.execute(insert(model).values([values, values]))

    async def insert_returning(session: TenantSession, values: dict[str, Any]) -> None:
        await session.scalars(insert(model).returning(model), [values])

    for write in (add, save_objects, insert_mappings, insert_many, insert_values, insert_returning):
        async with _undone(toolkit) as session:
            forged = attributes(mapped, await own_row(mapped, session)) | {tenant: victim}
            try:
                await write(session, forged)
            except SQLAlchemyError as error:
                if sqlstate_of(error) in REFUSED:
                    continue
                raise Leak(f"{write.__name__} for the victim was not refused by the policy, but: {error}") from error
            raise Leak(f"{write.__name__} wrote a row for the victim")
    return blocked()


@mapped_attack("add an entity without a tenant, so that it becomes another tenant's")
async def orm_insert_filled(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Add an entity without a tenant. The database must fill in the bound one."""
    if mapped.is_root or not mapped.may("INSERT"):
        return skipped(
            "the row of a tenant needs its tenant"
            if mapped.is_root
            else "the application may not insert into the table"
        )
    async with _undone(toolkit) as session:
        values = attributes(mapped, await own_row(mapped, session, renewed=True))
        values.pop(mapped.model.__tenant__.key, None)
        entity = mapped.model(**values)
        session.add(entity)
        try:
            await session.flush()
        except SQLAlchemyError as error:
            if sqlstate_of(error) in UNGUESSED:
                return skipped(f"a second row could not be made up ({sqlstate_of(error)})")
            raise
        try:
            await session.refresh(entity)
        except InvalidRequestError as error:
            raise Leak("a row without a tenant became another tenant's") from error
        owner = mapped.tenant_of(entity)
        if owner != toolkit.attacker:
            raise Leak(f"a row without a tenant became {owner}'s")
    with contextlib.suppress(SQLAlchemyError):
        async with _undone(toolkit) as session:
            await session.execute(
                insert(mapped.model), [attributes(mapped, await own_row(mapped, session, renewed=True))]
            )
    return blocked()
