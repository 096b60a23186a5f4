"""Structured logs: one JSON object per line, with the request's id and tenant.

Invariant: no line contains a value of a row or of a request. An exception is logged with its frames, but only with the
first line of a driver's message: the rest has the values of the key (DETAIL) and the parameters of the statement.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS, merge_record_extra
from pythonjsonlogger.json import JsonFormatter

from tenantry.fastapi.request import current_request
from tenantry.postgres.sqlstate import chain_of, sqlstate_of
from tenantry.tenancy.context import current_tenant

__all__ = ["JSONFormatter", "TextFormatter", "structured_logging"]

# Attributes that do not belong in the line. All others come from `extra=`; uvicorn repeats its message in colours.
_RESERVED = (*RESERVED_ATTRS, "color_message")
_NAMES = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"}
# A value that needs no quotes in the text format: nothing in it can be taken for the end of the value or of the facts.
_PLAIN = re.compile(r"[^\s\[\]=\"']+")
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
LONGEST_TEXT = 4000


class JSONFormatter(JsonFormatter):
    """Formats a record as one JSON object; values of other types become text."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields=_NAMES,
            reserved_attrs=_RESERVED,
            json_default=str,
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """Return the moment of the record by ISO 8601, in UTC."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the description of an exception; an empty one is left out."""
        return describe_exception(ei[1]) if ei[1] else ""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add the request and the tenant to the fields of the record."""
        record.message = record.message[:LONGEST_TEXT]
        log_data.update(_context())
        super().add_fields(log_data, record, message_dict)
        if not log_data.get("exception"):
            log_data.pop("exception", None)


class TextFormatter(logging.Formatter):
    """Formats a record as text, for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of text, with its facts at the end and its traceback below."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        facts = merge_record_extra(record, _context(), reserved=_RESERVED)
        told = " ".join(f"{name}={_quoted(str(value))}" for name, value in facts.items() if value is not None)
        message = _escaped(record.getMessage()[:LONGEST_TEXT])
        line = f"{moment} {record.levelname:<7} {message}" + (f"  [{_escaped(told)}]" if told else "")
        if record.exc_info and record.exc_info[1]:
            # Indented, so that the text of an exception cannot look like the beginning of a record.
            described = describe_exception(record.exc_info[1]).split("\n")
            line += "".join(f"\n    {_escaped(one)}" for one in described)
        return line


def _escaped(text: str) -> str:
    """Return the text with escapes for line breaks, control characters and all else that a terminal would obey."""
    return text if text.isprintable() else repr(text)[1:-1]


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and value.isprintable() else repr(value)


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
