"""Exception handlers of an application, which turn an exception into a problem.

They handle errors of validation, of routing, of Tenantry and of the database. `request_context` answers 500 for all
other exceptions. The log has what a developer needs, but no value of a row or of a request.
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
from tenantry.fastapi.health import Readiness, Report, Status
from tenantry.fastapi.problems import Answer, Problem, problem_response
from tenantry.fastapi.sqlstates import RETRY_SOON, SCHEMA_MISMATCH, UNAVAILABLE, answer_for
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.postgres.stale_statements import is_stale

__all__ = ["INTERNAL", "answer_to", "install_problem_handlers"]

logger = logging.getLogger(__name__)

INTERNAL = Answer(500, "internal_error", "The service failed. Its log has the reason under the request id.")
_BUSY = Answer(
    503, "pool_timeout", "All database connections of the service are in use. Try again shortly.", RETRY_SOON
)
_SCHEMA_CHANGED = Answer(
    503, "schema_changed", "The database was migrated during this request. Send this request again.", RETRY_SOON
)
_NO_TENANT = Answer(403, "tenant_required", "This request needs a tenant, and it does not name one.")
_BAD_TENANT = Answer(422, "tenant_invalid", "The tenant is not valid for this service.")

# The most derived class in this table decides. An exception outside of it is a defect of the service: 500.
BY_CLASS: Mapping[type[Exception], Answer] = {
    errors.PoolTimeout: _BUSY,
    errors.DatabaseUnavailable: UNAVAILABLE,
    errors.SecretUnavailable: UNAVAILABLE,
    errors.UnsafeRole: UNAVAILABLE,
    errors.TenantRequired: _NO_TENANT,
    errors.TenantInvalid: _BAD_TENANT,
    CheckoutTimeout: _BUSY,
}

# Python 3.13 changed these phrases to those of RFC 9110; a code must not depend on the version of Python.
RENAMED = {413: "content_too_large", 414: "uri_too_long", 416: "range_not_satisfiable", 422: "unprocessable_content"}

DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)

MOST_FIELDS = 50
LONGEST_FIELD = 120
BAD_REQUEST = http.HTTPStatus.BAD_REQUEST
SERVER_ERROR = http.HTTPStatus.INTERNAL_SERVER_ERROR


def install_problem_handlers(app: FastAPI, constraints: Mapping[str, Answer] | None = None) -> None:
    """Make `app` answer every failure with a problem; `constraints` has answers by the name of a constraint."""
    own = dict(constraints or {})

    async def handle(request: Request, error: Exception) -> Response:
        answer = answer_to(error, own)
        if answer is INTERNAL and isinstance(error, DATABASE_ERRORS) and await _is_at_other_revision(request):
            answer = SCHEMA_MISMATCH
        _log(error, answer)
        return problem_response(answer, instance=request.url.path)

    for kind in (
        Problem,
        HTTPException,
        RequestValidationError,
        ResponseValidationError,
        errors.TenantryError,
        *DATABASE_ERRORS,
    ):
        app.add_exception_handler(kind, handle)


def answer_to(error: Exception, constraints: Mapping[str, Answer] | None = None) -> Answer:
    """Return the answer to a client for `error`."""
    if isinstance(error, Problem):
        return error.answer
    if isinstance(error, RequestValidationError):
        return _refused_fields(error)
    if isinstance(error, HTTPException):
        return _plain_status(error)
    listed = next((BY_CLASS[kind] for kind in type(error).__mro__ if kind in BY_CLASS), None)
    return listed or _own_or_database(error, constraints or {}) or INTERNAL


async def _is_at_other_revision(request: Request) -> bool:
    """Return True if readiness finds the schema at another revision than this build expects.

    A statement then failed because of the revision, and will succeed after the migration or the deployment.
    """
    readiness: Readiness | None = getattr(request.app.state, "readiness", None)
    report = await readiness.report() if readiness is not None else Report()
    return any(one.status is Status.FAIL for _, one in report.measurements.get("database:schema", ()))


def _own_or_database(error: Exception, constraints: Mapping[str, Answer]) -> Answer | None:
    if isinstance(error, errors.TenantryError):
        return Answer(INTERNAL.status, error.code, INTERNAL.detail)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return UNAVAILABLE
    if is_stale(error):
        return _SCHEMA_CHANGED
    return answer_for(sqlstate_of(error), constraint_of(error), constraints)


def _refused_fields(error: RequestValidationError) -> Answer:
    """List the refused fields by place, code and message, without the input, which can be a secret."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return Answer(BAD_REQUEST, "malformed_body", "The body is not valid JSON.")
    fields = [_field(one) for one in found[:MOST_FIELDS]]
    return Answer(422, "validation_failed", "Some fields of the request are not valid.", members={"errors": fields})


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
        # Logged all the same: a row that row security refuses is a bug or an attack.
        if answer.code in {"forbidden_by_database", "tenant_required"}:
            logger.warning("Refused: %s", answer.code, extra={"problem": answer.code})
        return
    facts = {"problem": answer.code, "sqlstate": sqlstate_of(error), "constraint": constraint_of(error)}
    if answer.status == SERVER_ERROR and not isinstance(error, ResponseValidationError | HTTPException | Problem):
        logger.error("The request failed: %s", answer.code, extra=facts, exc_info=error)
    elif isinstance(error, ResponseValidationError):
        # The text of the error contains the whole response; places and types are enough to find the defect.
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors()]
        logger.error("The response does not match its model: %s", "; ".join(wrong), extra=facts)
    else:
        logger.warning("The request failed: %s", answer.code, extra=facts)
