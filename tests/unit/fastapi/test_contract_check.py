"""What the services' contract tests check finds what it is there for."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from contract import aim, check
from fastapi import FastAPI, Response
from schemathesis import Case

from tenantry.fastapi.problems import problem_responses


def make_case(answer: Response, *, method: Any = "GET") -> Case[Any]:
    """Return a request to an API that documents 200 and 404, and gives this answer."""
    app = FastAPI()

    @app.get("/items/{item_id}", responses=problem_responses(404))
    async def read(item_id: str) -> list[int]:
        return answer  # type: ignore[return-value]  # whatever it documents

    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    return schema["/items/{item_id}"]["GET"].Case(path_parameters={"item_id": "ab"}, method=method)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (Response("[1]", 200, media_type="application/json"), True),
        (Response("{}", 404, media_type="application/problem+json"), True),
        (Response("[1]", 500, media_type="application/json"), False),
        (Response("[1]", 503, media_type="application/json"), False),
        (Response("[1]", 418, media_type="application/json"), False),
        (Response('"text"', 200, media_type="application/json"), False),
        (Response("[1]", 200, media_type="text/html"), False),
    ],
    ids=["as documented", "a problem", "500", "503", "undocumented", "another schema", "another media type"],
)
def test_an_answer_is_what_the_document_says(answer: Response, *, passes: bool) -> None:
    case = make_case(answer)
    try:
        check(case, case.call())
    except (AssertionError, BaseExceptionGroup):
        assert not passes
    else:
        assert passes


def test_a_method_that_a_path_has_not_is_answered_405() -> None:
    case = make_case(Response("[1]", 200, media_type="application/json"), method="POST")
    answer = case.call()
    assert answer.status_code == 405
    check(case, answer)


def test_half_of_the_requests_are_about_what_is_there() -> None:
    """Unless they would remove it."""
    answer = Response("[1]", 200)
    for method, value, aimed in (("GET", "ab", "known"), ("GET", "abc", "abc"), ("DELETE", "ab", "ab")):
        case = make_case(answer, method=method)
        case.path_parameters["item_id"] = value
        aim(case, {"item_id": "known"})
        assert case.path_parameters["item_id"] == aimed
