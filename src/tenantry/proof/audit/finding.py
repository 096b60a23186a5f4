"""A finding: one object of one service's database for which a rule does not hold, with what to do about it."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

__all__ = ["SEVERITIES", "Finding", "Severity"]

Severity: TypeAlias = Literal["error", "warning", "info"]

# From the highest to the lowest.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the models and the database; `remedy` is SQL wherever SQL can fix it."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str
