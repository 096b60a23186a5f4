from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tenantry.fastapi.draining import Draining
from tenantry.fastapi.health import MEDIA_TYPE, Measurement, Readiness, Report, Status, health_response
from tenantry.fastapi.health_routes import health_router

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]

FINE = Measurement(observed=1.5, unit="ms")
LOST = Measurement(Status.FAIL, "It did not answer.")


class Counting:
    """A check that can be told how to answer, and counts how often it was asked."""

    def __init__(self, answer: Measurement | Exception = FINE, pause: float = 0.0) -> None:
        self.answer = answer
        self.pause = pause
        self.asked = 0

    async def __call__(self) -> Mapping[str, Measurement]:
        self.asked += 1
        await asyncio.sleep(self.pause)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"connectivity": self.answer}


def application(check: Counting, draining: Draining | None = None) -> FastAPI:
    readiness = Readiness("shop", {"database": check}, draining)
    app = FastAPI()
    app.include_router(health_router(lambda _request: readiness.report()))
    return app


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/ready", "/health", "/health/ready"])
async def test_all_paths_answer_when_all_is_well(client: Client, path: str) -> None:
    async with client(application(Counting())) as http:
        response = await http.get(path)
    assert (response.status_code, response.json()["status"]) == (200, "pass")
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["cache-control"] == "no-store"
    if path != "/livez":
        assert response.json()["database"] == "connected"


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("/livez", 200, "pass"),
        ("/readyz", 503, "fail"),
        ("/ready", 503, "fail"),
        ("/health/ready", 503, "fail"),
        ("/health", 200, "warn"),
    ],
)
async def test_a_lost_database_withdraws_readiness_and_not_life(
    client: Client, path: str, code: int, status: str
) -> None:
    async with client(application(Counting(LOST))) as http:
        response = await http.get(path)
    assert (response.status_code, response.json()["status"]) == (code, status)
    assert response.json().get("database") == (None if path == "/livez" else "disconnected")


async def test_livez_asks_nobody(client: Client) -> None:
    check = Counting()
    async with client(application(check)) as http:
        await http.get("/livez")
    assert check.asked == 0


async def test_draining_withdraws_readiness_without_asking(client: Client) -> None:
    check, draining = Counting(), Draining()
    async with client(application(check, draining)) as http:
        assert (await http.get("/readyz")).status_code == 200
        draining.begin()
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/livez")).status_code == 200
    assert check.asked == 1


async def test_a_crowd_costs_one_question() -> None:
    check = Counting(pause=0.05)
    readiness = Readiness("shop", {"database": check})
    await asyncio.gather(*(readiness.report() for _ in range(100)))
    assert check.asked == 1
    await readiness.report()
    assert check.asked == 2


async def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    readiness = Readiness("shop", {"database": Counting(pause=0.05)})
    first, second = asyncio.create_task(readiness.report()), asyncio.create_task(readiness.report())
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).status is Status.PASS


async def test_a_check_that_hangs_is_a_failure_within_a_second() -> None:
    began = time.monotonic()
    report = await Readiness("shop", {"database": Counting(pause=60), "redis": Counting()}).report()
    assert time.monotonic() - began < 1.5
    assert report.body()["database"] == "disconnected"
    assert report.body()["redis"] == "connected"


async def test_what_a_check_raises_reaches_no_report() -> None:
    report = await Readiness("shop", {"database": Counting(OSError("10.0.0.1 hunter2"))}).report()
    body = json.dumps(report.body())
    assert report.status is Status.FAIL
    assert "10.0.0.1" not in body
    assert "hunter2" not in body


async def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check = Counting(LOST)
    readiness = Readiness("shop", {"database": check})
    for _ in range(3):
        await readiness.report()
    check.answer = FINE
    for _ in range(3):
        await readiness.report()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_reports_of_several_services_stand_side_by_side() -> None:
    one = Report({"database:connectivity": (("shop", FINE),)})
    two = Report({"database:connectivity": (("bank", LOST),)})
    body = Report.joined(one, two).body()
    assert body["status"] == "fail"
    assert body["database"] == "disconnected"
    assert [entry["componentId"] for entry in body["checks"]["database:connectivity"]] == ["shop", "bank"]


def test_a_measurement_is_written_as_the_format_says() -> None:
    entry = Report({"database:connectivity": (("shop", FINE),)}).body()["checks"]["database:connectivity"][0]
    assert entry.items() >= {"status": "pass", "observedValue": 1.5, "observedUnit": "ms"}.items()
    assert "time" in entry
    assert "output" not in entry


@pytest.mark.parametrize(("status", "code"), [(Status.PASS, 200), (Status.WARN, 200), (Status.FAIL, 503)])
def test_only_a_failure_is_503(status: Status, code: int) -> None:
    assert health_response(Report({"x:y": (("shop", Measurement(status)),)})).status_code == code
