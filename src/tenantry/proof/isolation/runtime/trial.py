"""How an attack on the toolkit is registered and judged: what raises `Leak` is a breach, what breaks is told as broken.

Two kinds. One is on a thing of the service (its pool, its sessions), one is on each mapped tenant table. A service
without tenant tables has nothing to take, and says so.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.ground import Ground
from tenantry.proof.isolation.runtime.arena import Arena, Leak, open_arena
from tenantry.proof.isolation.runtime.mapped import Mapped, mapped_targets
from tenantry.proof.isolation.verdict import Try, Verdict, breach, skipped

__all__ = ["FAMILY", "mapped_attack", "runtime_attack"]

FAMILY = "runtime"

# One attack on one object; none takes a second unless something waits that should not.
LONGEST = 30.0

NO_TENANTS = "the service has no tenant tables"

OnThing = Callable[[Arena], Awaitable[Verdict]]
OnMapped = Callable[[Arena, Mapped], Awaitable[Verdict]]


def runtime_attack(thing: str, sentence: str, *, pool: int = 1) -> Callable[[OnThing], OnThing]:
    """Register an attack on `thing`, over a pool of so many connections."""

    def register(body: OnThing) -> OnThing:
        @functools.wraps(body)
        async def run(ground: Ground) -> AsyncIterator[Try]:
            if not ground.targets:
                yield _told(body.__name__, thing, skipped(NO_TENANTS))
                return
            async with open_arena(ground, size=pool) as arena:
                yield _told(body.__name__, thing, await _judged(body(arena)))

        service_attack(FAMILY, sentence)(run)
        return body

    return register


def mapped_attack(sentence: str) -> Callable[[OnMapped], OnMapped]:
    """Register an attack on each mapped tenant table."""

    def register(body: OnMapped) -> OnMapped:
        @functools.wraps(body)
        async def run(ground: Ground) -> AsyncIterator[Try]:
            places = mapped_targets(ground)
            if not places:
                yield _told(body.__name__, "session", skipped(NO_TENANTS))
                return
            async with open_arena(ground) as arena:
                for mapped in places:
                    yield _told(body.__name__, mapped.name, await _judged(body(arena, mapped)))

        service_attack(FAMILY, sentence)(run)
        return body

    return register


def _told(attack: str, place: str, verdict: Verdict) -> Try:
    return Try(attack, place, verdict.outcome, verdict.detail, checks=verdict.checks)


async def _judged(attempt: Awaitable[Verdict]) -> Verdict:
    try:
        async with asyncio.timeout(LONGEST):
            return await attempt
    except Leak as leak:
        return breach(str(leak))
    except Exception as error:  # noqa: BLE001  # An attack that breaks proves nothing, and must not end the proof.
        return skipped(f"the attack is broken: {type(error).__name__}: {error}")
