"""The features that generated schemas may have, and those that are excluded until the toolkit is right about them.

Every choice of the generator belongs to a feature. A feature that is excluded is never generated; its reason stands
beside it. `SCHEMA_SPACE_INCLUDE=name,name` (or `all`) includes excluded features for one run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["EXCLUDED", "Features", "included_features"]

_Choice = TypeVar("_Choice")

EXCLUDED: Mapping[str, str] = {
    "citext": "The embedded server has no contrib modules.",
}


@dataclass(frozen=True)
class Features:
    """Which features are excluded."""

    excluded: frozenset[str]

    def allow(self, feature: str) -> bool:
        """Return whether a feature may be generated; one without a name always may."""
        return feature not in self.excluded

    def among(self, choices: Iterable[tuple[str, _Choice]]) -> Sequence[_Choice]:
        """Return the choices whose feature may be generated."""
        return [choice for feature, choice in choices if self.allow(feature)]


def included_features() -> Features:
    """Return the features of this run."""
    included = os.environ.get("SCHEMA_SPACE_INCLUDE", "")
    if included == "all":
        return Features(frozenset())
    return Features(frozenset(EXCLUDED) - set(included.split(",")))
