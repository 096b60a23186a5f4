"""What an audit can find, told once: for scripts a code, for people why it matters and how it is mended."""

from __future__ import annotations

import dataclasses
from typing import Literal

__all__ = ["Rule", "Severity"]

Severity = Literal["error", "warning", "info"]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked at.

    Attributes:
        code: stable, so that scripts and waivers can name it; the hundreds group the codes.
        severity: what a breach counts as, unless the finding says otherwise.
        sentence: what holds when the rule is silent.
        why: what somebody gains, or loses, where it does not hold.
        remedy: what to do, in general words; the finding has the statement.
    """

    code: str
    name: str
    severity: Severity
    sentence: str
    why: str
    remedy: str
