"""The three tenants of a proof: legal names that are as near to each other as names can be.

Whoever compares a prefix, a pattern, a case or a part of a name instead of the name takes one of them for another. Each
choice is tried until the tables take it and no row of a live database has it already.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Integer, Uuid
from sqlalchemy.types import TypeEngine

from tenantry.tenancy.scope import LONGEST_TENANT

__all__ = ["Trio", "trios_for"]

# How often names are varied before it is said that none is free.
_VARIATIONS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Trio:
    """The tenants as text, as the tenant column prints them."""

    attacker: str
    victim: str
    bystander: str

    def __iter__(self) -> Iterator[str]:
        yield from (self.attacker, self.victim, self.bystander)

    def role_of(self, tenant: str) -> str:
        """Return what a tenant is here: `attacker`, `victim` or `bystander`."""
        return {self.attacker: "attacker", self.victim: "victim", self.bystander: "bystander"}[tenant]


def trios_for(column_type: TypeEngine[Any]) -> Iterator[Trio]:
    """Yield choices of three tenants of the tenant column's type, the nastiest first."""
    if isinstance(column_type, Uuid):
        for _ in range(_VARIATIONS):
            yield _uuids()
    elif isinstance(column_type, Integer):
        yield from (Trio(str(n), str(n + 1), str(-n)) for n in range(1001, 1001 + 3 * _VARIATIONS, 3))
        # A CHECK may ask for more than nought.
        yield from (Trio(str(n), str(n + 1), str(n + 10)) for n in range(2001, 2001 + 20 * _VARIATIONS, 20))
    else:
        longest = getattr(column_type, "length", None) or LONGEST_TENANT
        yield from (trio for trio in _texts() if max(map(len, trio)) <= longest)


def _uuids() -> Trio:
    one = uuid.uuid4().int & ~1
    return Trio(*(str(uuid.UUID(int=number)) for number in (one, one + 1, one ^ (1 << 127))))


def _texts() -> Iterator[Trio]:
    for stem in ("proof", *(f"proof{number}" for number in range(2, _VARIATIONS))):
        # The victim's name ends the attacker's, the attacker's begins the bystander's, and a quote breaks literals.
        yield Trio(f"tenant_{stem}", stem, f"tenant_{stem}'s")
    for number in range(_VARIATIONS):
        yield Trio(f"a-proof{number}", f"proof{number}", f"a-proof{number}-b")
    for number in range(100, 100 + _VARIATIONS):
        yield Trio(f"a{number}", f"b{number}", f"c{number}")
    for letters in ("abc", "xyz", "123", "ABC"):
        yield Trio(*letters)
