"""The attacks in SQL, one module a family; importing this package puts them all in the catalogue."""

from tenantry.proof.isolation.attacks import (
    binding,
    channels,
    creating,
    defining,
    keys,
    leaking,
    observing,
    planning,
    reading,
    references,
    relations,
    roles,
    routines,
    signing,
    writing,
)

__all__ = [
    "binding",
    "channels",
    "creating",
    "defining",
    "keys",
    "leaking",
    "observing",
    "planning",
    "reading",
    "references",
    "relations",
    "roles",
    "routines",
    "signing",
    "writing",
]
