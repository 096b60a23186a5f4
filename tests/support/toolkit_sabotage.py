"""The parts of a sabotage of the toolkit: a register, and context managers that remove a listener or a policy."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import event

from tenantry import Address
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource
from tenantry.sql import qualified
from tenantry.tenancy import guard, unit_of_work
from tenantry.tenancy.unit_of_work import ScopedSession

__all__ = [
    "PROTECTED",
    "SABOTAGES",
    "Sabotage",
    "binding_by",
    "no_policies",
    "no_predicates",
    "sabotage",
    "without_policies",
]

PROTECTED = """
SELECT n.nspname::text, c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relrowsecurity
"""

# Given the superuser's address of the database under attack; most need it not.
Apply = Callable[[Address], AbstractAsyncContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Sabotage:
    """One thing taken out of the toolkit, and the attacks that must turn into breaches."""

    name: str
    apply: Apply
    attacks: tuple[str, ...]


SABOTAGES: list[Sabotage] = []


def sabotage(*attacks: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a generator function that breaks something, yields, and mends it."""

    def register(breaking: Callable[[], Iterator[None]]) -> Callable[[], Any]:
        broken = contextmanager(breaking)

        @asynccontextmanager
        async def apply(_superuser: Address) -> AsyncIterator[None]:
            with broken():
                yield

        SABOTAGES.append(Sabotage(breaking.__name__, apply, attacks))
        return broken

    return register


def without_policies(*attacks: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """As `sabotage`, while row security is switched off too."""

    def register(breaking: Callable[[], Iterator[None]]) -> Callable[[], Any]:
        broken = contextmanager(breaking)

        @asynccontextmanager
        async def apply(superuser: Address) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                stack.enter_context(broken())
                await stack.enter_async_context(no_policies(superuser))
                yield

        SABOTAGES.append(Sabotage(breaking.__name__, apply, attacks))
        return broken

    return register


@asynccontextmanager
async def no_policies(superuser: Address) -> AsyncIterator[None]:
    """Switch row security off on every table, partitions among them."""
    connection = await connect(StaticSource(superuser), deadline=10, application_name="sabotage")
    try:
        tables = [qualified(*row) for row in await connection.fetch(PROTECTED)]
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        yield
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    finally:
        await connection.close()


@contextmanager
def binding_by(listener: Callable[..., None] | None) -> Iterator[None]:
    """Put another listener, or none, in the place of the one that binds the scope."""
    event.remove(ScopedSession, "after_begin", unit_of_work._bind)
    if listener is not None:
        event.listen(ScopedSession, "after_begin", listener)
    try:
        yield
    finally:
        if listener is not None:
            event.remove(ScopedSession, "after_begin", listener)
        event.listen(ScopedSession, "after_begin", unit_of_work._bind)


@contextmanager
def no_predicates() -> Iterator[None]:
    """Take the explicit predicate out of ORM, Core and flush statements."""
    event.remove(ScopedSession, "do_orm_execute", unit_of_work._predicate)
    try:
        with mock.patch.object(guard, "with_predicates", lambda statement, _scope: statement):
            yield
    finally:
        event.listen(ScopedSession, "do_orm_execute", unit_of_work._predicate)
