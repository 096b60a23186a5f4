"""The attacks in SQL, one module for each family. The import adds them all to the catalogue."""

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
