"""The format of every error of an API: `application/problem+json` (RFC 9457).

Invariant: a response contains only fixed sentences. The text of an exception, a value of the request, an address or a
name of the database never appears in it. `code` is stable, and `request_id` finds the request in the log.
"""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tenantry.fastapi.request import current_request_id

__all__ = ["MEDIA_TYPE", "Answer", "FieldError", "Problem", "ProblemDocument", "problem_response", "problem_responses"]

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one kind of failure."""

    status: int
    code: str
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)


class Problem(Exception):
    """A route raises it to end the request with a problem; the unit of work is rolled back.

    The client reads `detail` unchanged. Further keywords become extension members of the document.
    """

    def __init__(
        self, status: int, code: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail or code)
        self.answer = Answer(status, code, detail, headers or {}, members)


class FieldError(BaseModel):
    """One refused field, without its value."""

    field: str = Field(description="Place of the field, for example `body.preferences.llm_model`.")
    code: str
    message: str


class ProblemDocument(BaseModel):
    """A problem (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="URI of the kind of problem: `/problems/` and the code.")
    title: str
    status: int
    code: str = Field(description="Stable name of the kind of problem, for programs.")
    detail: str | None = None
    instance: str | None = Field(default=None, description="Path of the request.")
    request_id: str | None = Field(default=None, description="Id of the request in the logs.")
    errors: list[FieldError] | None = None


def problem_response(answer: Answer, *, instance: str | None = None) -> Response:
    """Return an answer as a response; the request's id comes from the context."""
    document: dict[str, object] = {
        **answer.members,
        "type": f"/problems/{answer.code}",
        "title": answer.code.replace("_", " ").capitalize(),
        "status": answer.status,
        "code": answer.code,
    }
    optional = {"detail": answer.detail, "instance": instance, "request_id": current_request_id()}
    document.update((name, value) for name, value in optional.items() if value)
    # ASCII with escapes: UTF-8 cannot encode a lone surrogate from a client's JSON.
    content = json.dumps(document, default=str).encode("ascii")
    headers = {"Cache-Control": "no-store", **answer.headers}
    return Response(content, answer.status, headers, media_type=MEDIA_TYPE)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return a route's `responses=` for problems with these statuses, for OpenAPI."""
    return {status: documented(http.HTTPStatus(status).phrase) for status in statuses}


def documented(description: str) -> dict[str, Any]:
    """Return the OpenAPI response object of a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
