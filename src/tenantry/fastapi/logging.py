"""Structured logs: one JSON object per line, with the request's id and tenant.

Invariant: no line contains a value of a row or of a request. An exception is logged with its frames, but only with the
first line of a driver's message: the rest has the values of the key (DETAIL) and the parameters of the statement.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO

from tenantry.fastapi.request import current_request
from tenantry.postgres.sqlstate import chain_of, sqlstate_of
from tenantry.tenancy.context import current_tenant

__all__ = ["JSONFormatter", "TextFormatter", "structured_logging"]

# The attributes of every record. All others come from `extra=` and belong in the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
LONGEST_TEXT = 4000


class JSONFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; values of other types become text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:LONGEST_TEXT],
        }
        line.update(_context())
        line.update(_extra(record))
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe_exception(record.exc_info[1])
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Formats a record as text, for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of text, with its facts at the end and its traceback below."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        facts = {**_context(), **_extra(record)}
        told = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        # repr() escapes line breaks, so that a message cannot forge a second line.
        message = record.getMessage()[:LONGEST_TEXT]
        message = message if message.isprintable() else repr(message)[1:-1]
        line = f"{moment} {record.levelname:<7} {message}" + (f"  [{told}]" if told else "")
        if record.exc_info and record.exc_info[1]:
            line += "\n" + describe_exception(record.exc_info[1])
        return line


def describe_exception(error: BaseException) -> str:
    """Return the traceback of an exception and its causes, without the values in the messages of database errors."""
    parts = []
    for link in chain_of(error):
        frames = "".join(traceback.format_tb(link.__traceback__))
        text = str(link)
        if sqlstate_of(link) is not None or hasattr(link, "hide_parameters"):
            text = text.partition("\n")[0]
        parts.append(f"{frames}{type(link).__module__}.{type(link).__qualname__}: {text[:LONGEST_TEXT]}")
    return "\ncaused by:\n".join(parts)


def _context() -> dict[str, object]:
    facts = current_request.get()
    context: dict[str, object] = {}
    if facts is not None:
        context["request_id"] = facts.request_id
    tenant = current_tenant() or (facts.tenant if facts else None)
    if tenant is not None:
        context["tenant"] = tenant
    return context


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


@contextmanager
def structured_logging(
    level: str = "INFO", style: Literal["json", "text"] = "json", stream: TextIO | None = None
) -> Iterator[None]:
    """Format all records in one way while the application runs, including those of the server.

    The access lines of the server are disabled: they contain query strings, and `request_context` logs more. On exit
    all loggers are restored, so that an application in a test or in another program changes nothing.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    servers = [logging.getLogger(name) for name in SERVER_LOGGERS]
    before = [(one, one.handlers, one.propagate, one.disabled) for one in servers]
    pools = logging.getLogger("tenantry.postgres.pool")
    pools_level = pools.level
    root_level = root.level
    root.addHandler(handler)
    root.setLevel(level)
    for one in servers:
        one.handlers, one.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True
    # At INFO the pool logs its disposal at every stop.
    pools.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one, handlers, propagate, disabled in before:
            one.handlers, one.propagate, one.disabled = handlers, propagate, disabled
        pools.setLevel(pools_level)
        root.setLevel(root_level)
        root.removeHandler(handler)
