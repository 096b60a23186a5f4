"""The three tenants of a proof: legal names that are as similar to each other as possible.

Code that compares a prefix, a pattern, the letters without their case or a part of the name confuses them. Choices of
names are tried until all tables accept one and the database has no row of these tenants.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Integer, Uuid
from sqlalchemy.types import TypeEngine

from tenantry.tenancy.scope import LONGEST_TENANT

__all__ = ["TenantNames", "tenant_names_for"]

# How many choices of each kind are tried.
_VARIATIONS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class TenantNames:
    """The tenants as text, as PostgreSQL prints the tenant column."""

    attacker: str
    victim: str
    bystander: str

    def __iter__(self) -> Iterator[str]:
        yield from (self.attacker, self.victim, self.bystander)

    def role_of(self, tenant: str) -> str:
        """Return the part of a tenant in the proof: `attacker`, `victim` or `bystander`."""
        return {self.attacker: "attacker", self.victim: "victim", self.bystander: "bystander"}[tenant]


def tenant_names_for(column_type: TypeEngine[Any]) -> Iterator[TenantNames]:
    """Yield choices of three tenants of the tenant column's type, the most similar names first."""
    if isinstance(column_type, Uuid):
        for _ in range(_VARIATIONS):
            yield _uuids()
    elif isinstance(column_type, Integer):
        yield from (TenantNames(str(n), str(n + 1), str(-n)) for n in range(1001, 1001 + 3 * _VARIATIONS, 3))
        # A CHECK may ask for a positive number.
        yield from (TenantNames(str(n), str(n + 1), str(n + 10)) for n in range(2001, 2001 + 20 * _VARIATIONS, 20))
    else:
        longest = getattr(column_type, "length", None) or LONGEST_TENANT
        yield from (names for names in _texts() if max(map(len, names)) <= longest)


def _uuids() -> TenantNames:
    one = uuid.uuid4().int & ~1
    return TenantNames(*(str(uuid.UUID(int=number)) for number in (one, one + 1, one ^ (1 << 127))))


def _texts() -> Iterator[TenantNames]:
    for stem in ("proof", *(f"proof{number}" for number in range(2, _VARIATIONS))):
        # The attacker's name ends with the victim's, the bystander's begins with the attacker's, and a quote breaks
        # literals that are not escaped.
        yield TenantNames(f"tenant_{stem}", stem, f"tenant_{stem}'s")
    for number in range(_VARIATIONS):
        yield TenantNames(f"a-proof{number}", f"proof{number}", f"a-proof{number}-b")
    for number in range(100, 100 + _VARIATIONS):
        yield TenantNames(f"a{number}", f"b{number}", f"c{number}")
    for letters in ("abc", "xyz", "123", "ABC"):
        yield TenantNames(*letters)
