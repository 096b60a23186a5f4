from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import httpx2
import pytest
from asyncpg.exceptions import (
    InsufficientPrivilegeError,
    InvalidTextRepresentationError,
    UndefinedTableError,
    UniqueViolationError,
)
from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as CheckoutTimeout
from starlette.middleware import Middleware

from tenantry import errors
from tenantry.fastapi.failures import answer_to, install_problem_handlers
from tenantry.fastapi.problems import MEDIA_TYPE, Answer, Problem
from tenantry.fastapi.request_context import RequestContext

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]

EMAIL_TAKEN = Answer(409, "email_taken", "This address has an account.")


class Login(BaseModel):
    name: str = Field(min_length=3)
    password: SecretStr = Field(min_length=12)


class Out(BaseModel):
    secret: int


def unique_violation() -> IntegrityError:
    driver = UniqueViolationError('duplicate key value violates unique constraint "uq_users_email"')
    driver.constraint_name = "uq_users_email"
    driver.detail = "Key (email)=(ada@example.org) already exists."
    return IntegrityError("INSERT ...", {"email": "ada@example.org"}, driver)


def application(raised: Exception | None = None) -> FastAPI:
    app = FastAPI(middleware=[Middleware(RequestContext)])
    install_problem_handlers(app, {"uq_users_email": EMAIL_TAKEN})

    @app.post("/login")
    async def login(body: Login, page: Annotated[int, Query(ge=1)] = 1) -> None: ...

    @app.get("/fail")
    async def fail() -> None:
        assert raised is not None
        raise raised

    def late() -> Any:
        yield
        assert raised is not None
        raise raised

    app.add_api_route("/late", lambda: {"done": True}, dependencies=[Depends(late, scope="function")])

    @app.get("/wrong", response_model=Out)
    async def wrong() -> Any:
        return {"secret": "hunter2"}

    return app


async def test_a_refused_field_is_named_and_its_value_is_not_repeated(client: Client) -> None:
    async with client(application()) as http:
        response = await http.post("/login?page=0", json={"name": "ab", "password": "hunter2"})
    document = response.json()
    assert response.status_code == 422
    assert response.headers["content-type"] == MEDIA_TYPE
    assert document["code"] == "validation_failed"
    assert {one["field"] for one in document["errors"]} == {"query.page", "body.name", "body.password"}
    assert "hunter2" not in response.text


async def test_many_refused_fields_are_cut_off(client: Client) -> None:
    app = application()

    @app.post("/many")
    async def many(body: dict[str, int]) -> None: ...

    async with client(app) as http:
        response = await http.post("/many", json={f"key{'x' * 300}{n}": "no" for n in range(500)})
    assert len(response.json()["errors"]) == 50
    assert len(response.content) < 20_000


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"name": '])
async def test_a_malformed_body_is_400(client: Client, content: bytes) -> None:
    async with client(application()) as http:
        response = await http.post("/login", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/login", 405)])
async def test_routing_answers_problems_too(client: Client, method: str, path: str, status: int) -> None:
    async with client(application()) as http:
        response = await http.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE)
    assert response.json()["instance"] == path


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (Problem(418, "teapot", "Short and stout."), 418, "teapot"),
        (HTTPException(404), 404, "not_found"),
        (HTTPException(413), 413, "content_too_large"),
        (HTTPException(404, "No such item."), 404, "not_found"),
        (errors.TenantRequired("x"), 403, "tenant_required"),
        (errors.TenantInvalid("x"), 422, "tenant_invalid"),
        (errors.PoolTimeout("x"), 503, "pool_timeout"),
        (errors.DatabaseUnavailable("x"), 503, "database_unavailable"),
        (errors.SecretUnavailable("x"), 503, "database_unavailable"),
        (errors.ReadOnly("x"), 500, "read_only"),
        (errors.AutocommitRefused("x"), 500, "autocommit_refused"),
        (errors.DecryptionFailed("x"), 500, "decryption_failed"),
        (errors.ConfigurationError("x"), 500, "configuration"),
        (CheckoutTimeout("x"), 503, "pool_timeout"),
        (DBAPIError("SELECT 1", {}, Exception("gone"), connection_invalidated=True), 503, "database_unavailable"),
        (InvalidTextRepresentationError("x"), 422, "value_invalid"),
        (InsufficientPrivilegeError("x"), 403, "forbidden_by_database"),
        (UndefinedTableError("x"), 500, "internal_error"),
        (ZeroDivisionError("10.0.0.1 and hunter2"), 500, "internal_error"),
    ],
)
async def test_each_failure_has_its_problem(client: Client, raised: Exception, status: int, code: str) -> None:
    async with client(application(raised)) as http:
        response = await http.get("/fail")
    document = response.json()
    assert (response.status_code, document["code"]) == (status, code)
    assert response.headers["content-type"] == MEDIA_TYPE
    assert document["request_id"] == response.headers["x-request-id"]
    assert "hunter2" not in response.text
    assert ("retry-after" in response.headers) == (status == 503)


def test_every_error_of_the_tree_has_an_answer() -> None:
    """A new error class must not fall through to a bare exception."""
    pending, seen = [errors.TenantryError], set()
    while pending:
        kind = pending.pop()
        seen.add(kind)
        pending.extend(kind.__subclasses__())
    for kind in seen:
        assert answer_to(kind("secret words")).status >= 400
        assert "secret words" not in answer_to(kind("secret words")).detail


async def test_a_constraint_gets_the_sentence_of_the_service(client: Client) -> None:
    async with client(application(unique_violation())) as http:
        response = await http.get("/fail")
    assert response.status_code == 409
    assert response.json()["detail"] == EMAIL_TAKEN.detail


async def test_a_unique_violation_says_nothing_of_the_row_or_the_constraint(client: Client) -> None:
    app = application(unique_violation())
    install_problem_handlers(app)
    async with client(app) as http:
        response = await http.get("/fail")
    assert response.json()["code"] == "already_exists"
    assert "ada@" not in response.text
    assert "uq_users_email" not in response.text


async def test_a_commit_that_fails_becomes_a_problem_instead_of_200(client: Client) -> None:
    """The exit of a function-scoped dependency runs before the response is sent."""
    async with client(application(unique_violation())) as http:
        response = await http.get("/late")
    assert response.status_code == 409


async def test_a_defect_is_logged_with_its_traceback(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with client(application(ZeroDivisionError("halves"))) as http:
            await http.get("/fail")
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 1
    assert logged[0].exc_info is not None


async def test_a_response_that_does_not_fit_is_logged_without_its_content(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(application()) as http:
        response = await http.get("/wrong")
    assert response.status_code == 500
    assert "response.secret: int_parsing" in caplog.text
    assert "hunter2" not in caplog.text
    assert "hunter2" not in response.text
