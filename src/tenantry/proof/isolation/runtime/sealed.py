"""Attacks on encrypted columns: the victim's ciphertext is moved to a place that the attacker may read."""

from __future__ import annotations

from sqlalchemy import Column, select, update
from sqlalchemy.orm import undefer

from tenantry import errors
from tenantry.proof.isolation.runtime.mapped import MappedTable
from tenantry.proof.isolation.runtime.registration import mapped_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.encrypted_text import EncryptedText, Sealed

__all__: list[str] = []

SECRET = "a secret of the victim's"  # noqa: S105  # made up


@mapped_attack("open the victim's encrypted value after it was copied into its own row")
async def sealed_value_moved(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Seal a text as the victim does, store the ciphertext in the attacker's row, and load that row."""
    columns = [column for column in mapped.table.c if isinstance(column.type, EncryptedText)]
    if not columns:
        return skipped("the table has no encrypted column")
    if not mapped.may("UPDATE"):
        return skipped("the application may not update the table")
    for column in columns:
        stored = await _seal(toolkit, mapped, column)
        if stored is None:
            return skipped("the table has no row of the victim")
        try:
            text = await _load(toolkit, mapped, column, Sealed.at(str(stored), stored.place))
        except errors.DecryptionFailed:
            continue
        if text == SECRET:
            raise Leak(f"the attacker opened the victim's {column.name}")
        raise Leak(f"the attacker's row took the victim's {column.name} without an error")
    return blocked(", ".join(column.name for column in columns))


async def _seal(toolkit: AttackedToolkit, mapped: MappedTable, column: Column[str]) -> Sealed | None:
    """Return the secret as the victim's unit of work stores it, and roll back."""
    async with toolkit.database.tenant(toolkit.victim) as session:
        await session.execute(update(mapped.table).values({column: SECRET}))
        stored = (await session.scalars(select(column).limit(1))).first()
        if SECRET in str(stored):
            raise Leak(f"{column.name} is stored as it was written")
        entity = await mapped.first(session)
        if entity is not None and getattr(entity, _key(mapped, column)) != SECRET:
            raise Leak(f"the victim could not open its own {column.name}")
        await session.rollback()
    assert stored is None or isinstance(stored, Sealed)
    return stored


async def _load(toolkit: AttackedToolkit, mapped: MappedTable, column: Column[str], stored: Sealed) -> str | None:
    async with toolkit.database.tenant(toolkit.attacker) as session:
        try:
            await session.execute(update(mapped.table).values({column: stored}))
            entity = (await session.scalars(select(mapped.model).options(undefer("*")).limit(1))).one()
            return str(getattr(entity, _key(mapped, column)))
        finally:
            session.expunge_all()
            await session.rollback()


def _key(mapped: MappedTable, column: Column[str]) -> str:
    return mapped.mapper.get_property_by_column(column).key
