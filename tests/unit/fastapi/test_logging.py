from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from asyncpg.exceptions import UniqueViolationError
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError

from tenantry.fastapi.logging import JSONFormatter, TextFormatter, describe_exception, structured_logging
from tenantry.fastapi.request import RequestFacts, current_request
from tenantry.fastapi.request_context import RequestContext
from tenantry.tenancy.context import log_tenant

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


def record(message: str = "hello", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": message})
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_request_and_tenant() -> None:
    token = current_request.set(RequestFacts("r1", tenant="from-token"))
    try:
        first = json.loads(JSONFormatter().format(record("two\nlines", status=200)))
        with log_tenant("acme"):
            second = json.loads(JSONFormatter().format(record()))
    finally:
        current_request.reset(token)
    assert first.items() >= {"message": "two\nlines", "request_id": "r1", "tenant": "from-token", "status": 200}.items()
    assert second["tenant"] == "acme"


def test_a_line_of_json_is_one_line() -> None:
    assert "\n" not in JSONFormatter().format(record("two\nlines"))


def test_text_cannot_forge_a_second_line() -> None:
    assert "\n" not in TextFormatter().format(record("fine\n12:00:00 ERROR forged"))


def test_an_exception_is_told_without_the_values_of_the_row() -> None:
    driver = UniqueViolationError("duplicate key")
    driver.sqlstate = "23505"
    parameters = {"email": "ada@example.org"}
    driver.detail = "Key (email)=(ada@example.org) already exists."
    told = describe_exception(IntegrityError("INSERT INTO users", parameters, driver))
    assert "ada@" not in told
    assert told.count("duplicate key") == 2


def test_an_exception_is_told_with_its_frames_and_its_causes() -> None:
    with pytest.raises(LookupError) as raised:
        fail_in_two_steps()
    told = describe_exception(raised.value)
    assert told.index("fail_in_two_steps") < told.index("LookupError: outer") < told.index("ZeroDivisionError")


def fail_in_two_steps() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        raise LookupError("outer") from error


def test_the_logs_of_server_and_service_go_through_one_formatter_and_back() -> None:
    stream = io.StringIO()
    server, access = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    before = (server.handlers, server.propagate, access.disabled, list(logging.getLogger().handlers))
    with structured_logging("INFO", "json", stream):
        server.info("started")
        access.info("GET /?token=hunter2")
        logging.getLogger("shop").debug("too much")
    logging.getLogger("shop").warning("after")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["started"]
    assert (server.handlers, server.propagate, access.disabled, list(logging.getLogger().handlers)) == before


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_value_that_json_does_not_know_is_given_as_text(style: str) -> None:
    formatter = JSONFormatter() if style == "json" else TextFormatter()
    assert "{1}" in formatter.format(record(thing={1}))


FORGED = "/x\n06:00:00 INFO    GET /accounts/users 200  [tenant=acme]"
# Line breaks of Unicode and of terminals, escape sequences, marks that reverse the direction of writing.
UNSAFE = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x1b[31m", "\x00", "\x7f"]
UNSAFE += ["\x9b31m", "\u202e", "\u200b", "\ud800", "\b"]


@pytest.mark.parametrize("unsafe", UNSAFE, ids=ascii)
@pytest.mark.parametrize("place", ["message", "fact", "tenant"])
def test_no_value_brings_a_control_character_into_a_line_of_text(place: str, unsafe: str) -> None:
    value = f"before{unsafe}after"
    if place == "tenant":
        with log_tenant(value):
            line = TextFormatter().format(record())
    else:
        line = TextFormatter().format(record(value) if place == "message" else record(path=value))
    assert line.isprintable()
    assert "before" in line
    assert "after" in line


@pytest.mark.parametrize(
    "value", ["a b", "a]", "[a", "a=b", "'", '"', "", "a\u00a0b", FORGED, "x] INFO forged  [tenant=acme"]
)
def test_a_fact_in_text_ends_where_its_quotes_end(value: str) -> None:
    line = TextFormatter().format(record(path=value, status=200))
    assert line.endswith(f"  [path={value!r} status=200]")


def test_a_plain_fact_in_text_has_no_quotes() -> None:
    line = TextFormatter().format(record(path="/bücher/{id}", status=200, tenant=None))
    assert line.endswith("INFO    hello  [path=/bücher/{id} status=200]")


def failed(error: Exception) -> logging.LogRecord:
    return record(exc_info=(type(error), error, error.__traceback__))


def test_the_text_of_an_exception_cannot_forge_a_line() -> None:
    first, *others = TextFormatter().format(failed(ValueError(f"refused: {FORGED}\x1b[31m"))).split("\n")
    assert first.endswith("hello")
    assert any("ValueError: refused: /x" in line for line in others)
    assert all(line.startswith("    ") and line.isprintable() for line in others)


async def test_a_path_cannot_forge_a_line(client: Client) -> None:
    app = FastAPI()
    app.add_middleware(RequestContext)
    stream = io.StringIO()
    with structured_logging("INFO", "text", stream):
        async with client(app) as http:
            await http.get("/x%0A06:00:00 INFO GET /accounts/users 200 [tenant=acme]%0A%1b[31m")
    lines = stream.getvalue().split("\n")
    assert len([one for one in lines if one.endswith("]") and "request_id=" in one and " GET /... 404" in one]) == 1
    assert all(one.isprintable() and not one.startswith("06:00:00 INFO GET") for one in lines)


def test_a_line_of_json_has_the_documented_fields() -> None:
    made = record("hello %s", args=("ada",), status=200, created=1_700_000_000.5)
    with log_tenant("acme"):
        line = JSONFormatter().format(made)
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "INFO",
        "logger": "shop",
        "message": "hello ada",
        "tenant": "acme",
        "status": 200,
    }


def test_a_line_of_json_has_the_description_of_an_exception() -> None:
    """Not the traceback of the standard library, which has the values of the row."""
    error = IntegrityError("INSERT INTO users", {"email": "ada@example.org"}, ValueError("duplicate key"))
    told = json.loads(JSONFormatter().format(failed(error)))
    assert told["exception"].count("duplicate key") == 2
    assert "ada@" not in told["exception"]
    assert "exc_info" not in told


@pytest.mark.parametrize("exc_info", [None, (None, None, None)])
def test_a_record_without_an_exception_has_none(exc_info: Any) -> None:
    assert "exception" not in json.loads(JSONFormatter().format(record(exc_info=exc_info)))


def test_a_long_message_is_cut() -> None:
    assert len(json.loads(JSONFormatter().format(record("x" * 5000)))["message"]) == 4000
