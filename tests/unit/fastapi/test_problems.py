from __future__ import annotations

import json

import pytest

from tenantry.fastapi.problems import MEDIA_TYPE, Answer, Problem, ProblemDocument, problem_response, problem_responses
from tenantry.fastapi.request import RequestFacts, current_request


def test_a_problem_has_the_members_of_rfc_9457_and_ours() -> None:
    token = current_request.set(RequestFacts("abc"))
    try:
        response = problem_response(Answer(409, "already_exists", "It exists."), instance="/items")
    finally:
        current_request.reset(token)
    document = json.loads(bytes(response.body))
    assert response.status_code == 409
    assert response.headers["content-type"] == MEDIA_TYPE
    assert document == {
        "type": "/problems/already_exists",
        "title": "Already exists",
        "status": 409,
        "code": "already_exists",
        "detail": "It exists.",
        "instance": "/items",
        "request_id": "abc",
    }
    ProblemDocument.model_validate(document)


def test_extension_members_do_not_replace_the_standard_ones() -> None:
    answer = Answer(400, "bad", members={"status": 200, "code": "fine", "limit": 3})
    document = json.loads(bytes(problem_response(answer).body))
    assert (document["status"], document["code"], document["limit"]) == (400, "bad", 3)


def test_a_lone_surrogate_can_be_rendered() -> None:
    """A client's JSON may hold one, in the name of a field; UTF-8 cannot."""
    assert problem_response(Answer(422, "x", members={"field": "\ud800"})).status_code == 422


def test_a_problem_carries_what_the_client_will_read() -> None:
    problem = Problem(409, "taken", "Taken.", headers={"Retry-After": "1"}, until="noon")
    assert problem.answer == Answer(409, "taken", "Taken.", {"Retry-After": "1"}, {"until": "noon"})


@pytest.mark.parametrize("status", [404, 409])
def test_responses_document_the_media_type(status: int) -> None:
    assert MEDIA_TYPE in problem_responses(status)[status]["content"]
