"""Reports of health as `application/health+json`: what was measured, when, and the resulting status.

Invariant: every request measures, and no result is cached. Requests that arrive while a measurement runs share its
result, so that many probes cause one query. A report never contains an address, a host name or the text of an
exception.
"""

from __future__ import annotations

import asyncio
import enum
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from tenantry.fastapi.draining import Draining

__all__ = ["DEADLINE", "MEDIA_TYPE", "Check", "Measurement", "Readiness", "Report", "Status", "health_response"]

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/health+json"
DEADLINE = 0.8
CONNECTIVITY = "connectivity"


class Status(enum.StrEnum):
    """The result of a measurement, in order of severity."""

    PASS = "pass"  # noqa: S105  (the format's word)
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement. Anyone can read `output`, so it contains only a fixed sentence."""

    status: Status = Status.PASS
    output: str = ""
    observed: float | str | None = None
    unit: str = ""


# Returns measurements by aspect: {"connectivity": ..., "schema": ...}. A check that raises or hangs has failed.
Check = Callable[[], Awaitable[Mapping[str, Measurement]]]


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements by `component:aspect`, each with the name of its service."""

    measurements: Mapping[str, tuple[tuple[str, Measurement], ...]] = field(default_factory=dict)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def joined(cls, *reports: Report) -> Report:
        """Return one report; measurements with the same name become one list."""
        together: dict[str, tuple[tuple[str, Measurement], ...]] = {}
        for report in reports:
            for name, found in report.measurements.items():
                together[name] = together.get(name, ()) + found
        return cls(together)

    @property
    def status(self) -> Status:
        """The worst status of all measurements."""
        found = {one.status for several in self.measurements.values() for _, one in several}
        return next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.PASS)

    def body(self) -> dict[str, Any]:
        """Return the document. Its top has entries such as `"database": "connected"`, for people and simple scripts."""
        connected: dict[str, str] = {}
        checks: dict[str, list[dict[str, Any]]] = {}
        for name, several in self.measurements.items():
            checks[name] = [self._entry(subject, one) for subject, one in several]
            component, _, aspect = name.partition(":")
            if aspect == CONNECTIVITY:
                lost = any(one.status is Status.FAIL for _, one in several)
                connected[component] = "disconnected" if lost else "connected"
        return {"status": self.status, **connected, **({"checks": checks} if checks else {})}

    def _entry(self, subject: str, one: Measurement) -> dict[str, Any]:
        entry: dict[str, Any] = {"componentId": subject, "status": one.status}
        if one.observed is not None:
            entry["observedValue"] = one.observed
        if one.unit:
            entry["observedUnit"] = one.unit
        if one.output:
            entry["output"] = one.output
        return {**entry, "time": self.time.isoformat(timespec="milliseconds")}


class Readiness:
    """Whether one service is able to serve requests now."""

    def __init__(self, subject: str, checks: Mapping[str, Check], draining: Draining | None = None) -> None:
        self.subject = subject
        self._checks = checks
        self._draining = draining
        self._running: asyncio.Task[Report] | None = None
        self._was = Status.PASS

    async def report(self) -> Report:
        """Run all checks at once, each within the deadline, or wait for a measurement that is running."""
        if self._draining is not None and self._draining.is_draining:
            leaving = Measurement(Status.FAIL, "The process is shutting down.")
            return Report({"process:state": ((self.subject, leaving),)})
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._measure())
        # A client that disconnects must not cancel the measurement for the other clients.
        return await asyncio.shield(self._running)

    async def _measure(self) -> Report:
        outcomes = await asyncio.gather(*(_run(name, check) for name, check in self._checks.items()))
        found = {name: ((self.subject, one),) for outcome in outcomes for name, one in outcome.items()}
        report = Report(found)
        self._log_change(report)
        return report

    def _log_change(self, report: Report) -> None:
        """Log a change of the status once, and not every failing probe."""
        if report.status is not self._was:
            self._was = report.status
            reasons = [one.output for several in report.measurements.values() for _, one in several if one.output]
            level = logging.INFO if report.status is Status.PASS else logging.WARNING
            logger.log(level, "%s: readiness is now %s. %s", self.subject, report.status, " ".join(reasons))


async def _run(name: str, check: Check) -> dict[str, Measurement]:
    # A check has its own deadline. This one is for a check that exceeds it.
    try:
        async with asyncio.timeout(DEADLINE + 0.1):
            measured = await check()
    except TimeoutError:
        measured = {CONNECTIVITY: Measurement(Status.FAIL, f"{name} did not answer within {DEADLINE * 1000:.0f} ms.")}
    except Exception as error:  # noqa: BLE001  (any exception means that the check failed)
        logger.warning("The check of %s failed: %s", name, type(error).__name__)
        measured = {CONNECTIVITY: Measurement(Status.FAIL, f"The check of {name} failed.")}
    return {f"{name}:{aspect}": one for aspect, one in measured.items()}


def health_response(report: Report, *, always_ok: bool = False) -> Response:
    """Return a report as a response: 503 when it fails; with `always_ok`, 200 and the status "warn" instead."""
    body = report.body()
    status = 503 if report.status is Status.FAIL else 200
    if always_ok and report.status is Status.FAIL:
        # The format asks for an error code with the status "fail", and this process does answer.
        body["status"], status = Status.WARN, 200
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)
