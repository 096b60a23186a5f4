"""Health that tells the truth, as `application/health+json`: what was measured, when, and what follows from it.

Invariant: a report is measured when it is asked for. Those who ask while a measurement runs share its outcome, so that
a crowd of probes costs the database one question; nothing is kept after that. No address, name of a host or text of an
exception reaches a report.
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
    """How a measurement came out; the order is that of severity."""

    PASS = "pass"  # noqa: S105  (the word of the format)
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that was looked at. `output` is shown to anybody: it holds a sentence of ours."""

    status: Status = Status.PASS
    output: str = ""
    observed: float | str | None = None
    unit: str = ""


# What it measured, by aspect: {"connectivity": ..., "schema": ...}. May raise, may hang: then it failed.
Check = Callable[[], Awaitable[Mapping[str, Measurement]]]


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements of one component or several, by `component:aspect`, each with the name of whom it concerns."""

    measurements: Mapping[str, tuple[tuple[str, Measurement], ...]] = field(default_factory=dict)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def joined(cls, *reports: Report) -> Report:
        """Return one report of all; what has the same name stands side by side."""
        together: dict[str, tuple[tuple[str, Measurement], ...]] = {}
        for report in reports:
            for name, found in report.measurements.items():
                together[name] = together.get(name, ()) + found
        return cls(together)

    @property
    def status(self) -> Status:
        """The worst of all."""
        found = {one.status for several in self.measurements.values() for _, one in several}
        return next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.PASS)

    def body(self) -> dict[str, Any]:
        """Return the document, with `"database": "connected"` and its like at the top for people and simple scripts."""
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
    """Whether one service can do its work at this moment."""

    def __init__(self, subject: str, checks: Mapping[str, Check], draining: Draining | None = None) -> None:
        self.subject = subject
        self._checks = checks
        self._draining = draining
        self._running: asyncio.Task[Report] | None = None
        self._was = Status.PASS

    async def report(self) -> Report:
        """Measure everything at once, each within the deadline; join a measurement that is under way."""
        if self._draining is not None and self._draining.is_draining:
            leaving = Measurement(Status.FAIL, "The process is shutting down.")
            return Report({"process:state": ((self.subject, leaving),)})
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._measure())
        # A client that goes away must not take the answer from the others who wait for it.
        return await asyncio.shield(self._running)

    async def _measure(self) -> Report:
        outcomes = await asyncio.gather(*(_run(name, check) for name, check in self._checks.items()))
        found = {name: ((self.subject, one),) for outcome in outcomes for name, one in outcome.items()}
        report = Report(found)
        self._tell_change(report)
        return report

    def _tell_change(self, report: Report) -> None:
        """Log a change of state once, instead of every failing probe."""
        if report.status is not self._was:
            self._was = report.status
            reasons = [one.output for several in report.measurements.values() for _, one in several if one.output]
            level = logging.INFO if report.status is Status.PASS else logging.WARNING
            logger.log(level, "%s: readiness is now %s. %s", self.subject, report.status, " ".join(reasons))


async def _run(name: str, check: Check) -> dict[str, Measurement]:
    # The check has a deadline of its own; this one is for a check that does not keep it.
    try:
        async with asyncio.timeout(DEADLINE + 0.1):
            measured = await check()
    except TimeoutError:
        measured = {CONNECTIVITY: Measurement(Status.FAIL, f"{name} did not answer within {DEADLINE * 1000:.0f} ms.")}
    except Exception as error:  # noqa: BLE001  (whatever it is, the answer is that the check failed)
        logger.warning("The check of %s failed: %s", name, type(error).__name__)
        measured = {CONNECTIVITY: Measurement(Status.FAIL, f"The check of {name} failed.")}
    return {f"{name}:{aspect}": one for aspect, one in measured.items()}


def health_response(report: Report, *, always_ok: bool = False) -> Response:
    """Render a report: 503 when it fails, unless `always_ok`, where the worst that is said is "warn"."""
    body = report.body()
    status = 503 if report.status is Status.FAIL else 200
    if always_ok and report.status is Status.FAIL:
        # A failing status must come with a failing code; the process itself does answer.
        body["status"], status = Status.WARN, 200
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)
