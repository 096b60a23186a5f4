"""What a list of waivers holds, and what it matches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry.migrations.waivers import Waiver
from tenantry.proof.audit.finding import Severity

__all__ = ["Match", "Waived", "Waivers"]


@dataclasses.dataclass(frozen=True, slots=True)
class Waived:
    """A finding that the team has accepted, and the reason."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Waivers:
    """The list of a service: its waivers, and the malformed lines with their numbers and faults."""

    waivers: tuple[Waiver, ...] = ()
    malformed: tuple[tuple[int, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The list of a service, and how many findings each pair of code and object matches."""

    file: str
    waivers: tuple[Waiver, ...]
    malformed: tuple[tuple[int, str], ...]
    findings: Mapping[tuple[str, str], int]

    def count(self, waiver: Waiver) -> int:
        """Return how many findings a waiver matches."""
        return self.findings.get((waiver.code, waiver.object), 0)
