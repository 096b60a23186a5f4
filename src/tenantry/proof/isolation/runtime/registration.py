"""Register and judge attacks on the toolkit. `Leak` is a breach; any other error means that the attack is broken.

There are two kinds: on an object of the service (its pool, its sessions), and on each mapped tenant table. In a service
without tenant tables they are skipped.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.runtime.mapped import MappedTable, mapped_tables
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, open_toolkit
from tenantry.proof.isolation.verdict import AttackResult, Verdict, breach, skipped

__all__ = ["FAMILY", "mapped_attack", "runtime_attack"]

FAMILY = "runtime"

# Seconds for one attack on one object. It takes less than one, unless something waits that should not.
LONGEST = 30.0

NO_TENANTS = "the service has no tenant tables"

OnObject = Callable[[AttackedToolkit], Awaitable[Verdict]]
OnMapped = Callable[[AttackedToolkit, MappedTable], Awaitable[Verdict]]


def runtime_attack(thing: str, sentence: str, *, pool: int = 1) -> Callable[[OnObject], OnObject]:
    """Register an attack on `thing`, with a pool of so many connections."""

    def register(body: OnObject) -> OnObject:
        @functools.wraps(body)
        async def run(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
            if not attacked.tables:
                yield _result(body.__name__, thing, skipped(NO_TENANTS))
                return
            async with open_toolkit(attacked, size=pool) as toolkit:
                yield _result(body.__name__, thing, await _judged(body(toolkit)))

        service_attack(FAMILY, sentence)(run)
        return body

    return register


def mapped_attack(sentence: str) -> Callable[[OnMapped], OnMapped]:
    """Register an attack on each mapped tenant table."""

    def register(body: OnMapped) -> OnMapped:
        @functools.wraps(body)
        async def run(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
            places = mapped_tables(attacked)
            if not places:
                yield _result(body.__name__, "session", skipped(NO_TENANTS))
                return
            async with open_toolkit(attacked) as toolkit:
                for mapped in places:
                    yield _result(body.__name__, mapped.name, await _judged(body(toolkit, mapped)))

        service_attack(FAMILY, sentence)(run)
        return body

    return register


def _result(attack: str, place: str, verdict: Verdict) -> AttackResult:
    return AttackResult(attack, place, verdict.outcome, verdict.detail, checks=verdict.checks)


async def _judged(attempt: Awaitable[Verdict]) -> Verdict:
    try:
        async with asyncio.timeout(LONGEST):
            return await attempt
    except Leak as leak:
        return breach(str(leak))
    except Exception as error:  # noqa: BLE001  # A broken attack proves nothing, and must not end the proof.
        return skipped(f"the attack is broken: {type(error).__name__}: {error}")
