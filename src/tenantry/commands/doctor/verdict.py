"""The verdict of one check of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tenantry import errors

__all__ = ["Verdict", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check; `service` is None for a check of the machine or the project."""

    name: str
    service: str | None
    status: Literal["ok", "warn", "fail"]
    message: str
    remedy: str | None = None


def failed(name: str, service: str | None, error: errors.TenantryError) -> Verdict:
    """Return the verdict for an error."""
    message = " ".join(part for part in (error.what, error.why) if part)
    return Verdict(name, service, "fail", message, error.remedy or None)
