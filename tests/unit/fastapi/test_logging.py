from __future__ import annotations

import io
import json
import logging

import pytest
from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import IntegrityError

from tenantry.fastapi.logging import JSONFormatter, TextFormatter, describe_exception, structured_logging
from tenantry.fastapi.request import RequestFacts, current_request
from tenantry.tenancy.context import telling


def record(message: str = "hello", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": message})
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_request_and_tenant() -> None:
    token = current_request.set(RequestFacts("r1", tenant="from-token"))
    try:
        first = json.loads(JSONFormatter().format(record("two\nlines", status=200)))
        with telling("acme"):
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
