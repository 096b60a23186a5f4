"""From an exception to the problem that a client reads; installed on an application as its exception handlers.

Every error has one way out: validation, routing, our own tree, the database. What nobody foresaw passes through here
and ends in `request_context`, which answers 500. A failure of ours is logged with what a developer needs, and never
with a value of a row or of a request.
"""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as CheckoutTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tenantry import errors
from tenantry.fastapi.problems import Answer, Problem, problem_response
from tenantry.fastapi.sqlstates import RETRY_SOON, UNAVAILABLE, answer_for
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of

__all__ = ["INTERNAL", "answer_to", "install_problem_handlers"]

logger = logging.getLogger(__name__)

INTERNAL = Answer(500, "internal_error", "The service failed. The request id leads to the reason in its log.")
_BUSY = Answer(503, "pool_timeout", "The service is too busy to reach its database. Try again shortly.", RETRY_SOON)
_NO_TENANT = Answer(403, "tenant_required", "This request names no tenant, and what it asks for belongs to one.")
_BAD_TENANT = Answer(422, "tenant_invalid", "The tenant is not one this service could have.")

# The most derived class that is listed decides. What is not listed is a defect of ours: 500.
BY_CLASS: Mapping[type[Exception], Answer] = {
    errors.PoolTimeout: _BUSY,
    errors.DatabaseUnavailable: UNAVAILABLE,
    errors.SecretUnavailable: UNAVAILABLE,
    errors.UnsafeRole: UNAVAILABLE,
    errors.TenantRequired: _NO_TENANT,
    errors.TenantInvalid: _BAD_TENANT,
    CheckoutTimeout: _BUSY,
}

# Python 3.13 took these phrases from RFC 9110; a code may not change with the interpreter.
RENAMED = {413: "content_too_large", 414: "uri_too_long", 416: "range_not_satisfiable", 422: "unprocessable_content"}

MOST_FIELDS = 50
LONGEST_FIELD = 120
BAD_REQUEST = http.HTTPStatus.BAD_REQUEST
SERVER_ERROR = http.HTTPStatus.INTERNAL_SERVER_ERROR


def install_problem_handlers(app: FastAPI, constraints: Mapping[str, Answer] | None = None) -> None:
    """Let `app` answer every failure as a problem; `constraints` gives a named constraint its own answer."""
    own = dict(constraints or {})

    async def handle(request: Request, error: Exception) -> Response:
        answer = answer_to(error, own)
        _log(error, answer)
        return problem_response(answer, instance=request.url.path)

    for kind in (
        Problem,
        HTTPException,
        RequestValidationError,
        ResponseValidationError,
        errors.TenantryError,
        SQLAlchemyError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ):
        app.add_exception_handler(kind, handle)


def answer_to(error: Exception, constraints: Mapping[str, Answer] | None = None) -> Answer:
    """Return what a client is told about `error`."""
    if isinstance(error, Problem):
        return error.answer
    if isinstance(error, RequestValidationError):
        return _refused_fields(error)
    if isinstance(error, HTTPException):
        return _plain_status(error)
    listed = next((BY_CLASS[kind] for kind in type(error).__mro__ if kind in BY_CLASS), None)
    return listed or _own_or_database(error, constraints or {}) or INTERNAL


def _own_or_database(error: Exception, constraints: Mapping[str, Answer]) -> Answer | None:
    if isinstance(error, errors.TenantryError):
        return Answer(INTERNAL.status, error.code, INTERNAL.detail)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return UNAVAILABLE
    return answer_for(sqlstate_of(error), constraint_of(error), constraints)


def _refused_fields(error: RequestValidationError) -> Answer:
    """List the fields that were refused: place, code and message; never the input, which may be a secret."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return Answer(BAD_REQUEST, "malformed_body", "The body is not valid JSON.")
    fields = [_field(one) for one in found[:MOST_FIELDS]]
    return Answer(422, "validation_failed", "Some of what was sent cannot be accepted.", members={"errors": fields})


def _field(one: Mapping[str, Any]) -> dict[str, str]:
    place = ".".join(str(part) for part in one["loc"])
    return {"field": place[:LONGEST_FIELD], "code": str(one["type"]), "message": str(one["msg"])}


def _plain_status(error: HTTPException) -> Answer:
    phrase = http.HTTPStatus(error.status_code).phrase
    code = RENAMED.get(error.status_code) or phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    is_sentence = isinstance(error.detail, str) and error.detail != phrase
    members: dict[str, object] = {} if isinstance(error.detail, str) else {"data": error.detail}
    return Answer(error.status_code, code, error.detail if is_sentence else "", error.headers or {}, members)


def _log(error: Exception, answer: Answer) -> None:
    if answer.status < SERVER_ERROR:
        # Still worth a line: a row refused by row security is a bug or an attack.
        if answer.code in {"forbidden_by_database", "tenant_required"}:
            logger.warning("Refused: %s", answer.code, extra={"problem": answer.code})
        return
    facts = {"problem": answer.code, "sqlstate": sqlstate_of(error), "constraint": constraint_of(error)}
    if answer.status == SERVER_ERROR and not isinstance(error, ResponseValidationError | HTTPException | Problem):
        logger.error("The request failed: %s", answer.code, extra=facts, exc_info=error)
    elif isinstance(error, ResponseValidationError):
        # Its text repeats the whole response; the places and kinds are enough to find the defect.
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors()]
        logger.error("The response does not fit its model: %s", "; ".join(wrong), extra=facts)
    else:
        logger.warning("The request failed: %s", answer.code, extra=facts)
