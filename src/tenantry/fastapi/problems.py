"""One shape for every error that an API gives: `application/problem+json` (RFC 9457).

Invariant: a client reads our own sentences only. The text of an exception, a value that was sent, an address or a name
inside the database never reaches a response; `code` is stable and `request_id` leads to the log.
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
    """What a client is told about one kind of failure."""

    status: int
    code: str
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)


class Problem(Exception):
    """Raised by a route to end the request with a problem; the unit of work is rolled back.

    `detail` is shown to the client as it is. Further keywords become extension members of the document.
    """

    def __init__(
        self, status: int, code: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail or code)
        self.answer = Answer(status, code, detail, headers or {}, members)


class FieldError(BaseModel):
    """One field that was refused; the refused value itself is never repeated."""

    field: str = Field(description="Where it stands, for example `body.preferences.llm_model`.")
    code: str
    message: str


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="Identifies the kind of problem; `/problems/` and the code.")
    title: str
    status: int
    code: str = Field(description="Stable: for programs to tell problems apart.")
    detail: str | None = None
    instance: str | None = Field(default=None, description="The path of the request that met the problem.")
    request_id: str | None = Field(default=None, description="Finds the request in the logs.")
    errors: list[FieldError] | None = None


def problem_response(answer: Answer, *, instance: str | None = None) -> Response:
    """Render an answer as a response; the request's id comes from the context."""
    document: dict[str, object] = {
        **answer.members,
        "type": f"/problems/{answer.code}",
        "title": answer.code.replace("_", " ").capitalize(),
        "status": answer.status,
        "code": answer.code,
    }
    optional = {"detail": answer.detail, "instance": instance, "request_id": current_request_id()}
    document.update((name, value) for name, value in optional.items() if value)
    # ASCII escapes: a lone surrogate out of a client's JSON could not be encoded as UTF-8.
    content = json.dumps(document, default=str).encode("ascii")
    headers = {"Cache-Control": "no-store", **answer.headers}
    return Response(content, answer.status, headers, media_type=MEDIA_TYPE)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that may end in these statuses, for OpenAPI."""
    return {status: documented(http.HTTPStatus(status).phrase) for status in statuses}


def documented(description: str) -> dict[str, Any]:
    """Return the OpenAPI response object of a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
