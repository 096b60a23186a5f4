"""An OpenAPI document that describes all errors.

FastAPI documents only its own 422. Here every operation lists the problems that its shape implies: a malformed or too
large body, a missing token. Its `default` response describes all other errors, so that a generated client has one error
type.
"""

from __future__ import annotations

import copy
from typing import Any

from fastapi import FastAPI

from tenantry.fastapi.problems import ProblemDocument, documented

__all__ = ["ServiceAPI"]

REFERENCE = "#/components/schemas/{model}"
WITH_BODY = {"400": "The body is malformed", "413": "The body is too large", "422": "The request is not valid"}
WITH_TOKEN = {"401": "The token is missing or invalid", "403": "The token does not allow this request"}
METHODS = ("get", "put", "post", "delete", "patch", "options", "head")


class ServiceAPI(FastAPI):
    """A FastAPI application whose OpenAPI document describes problems."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; the first call makes it."""
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    problem = ProblemDocument.model_json_schema(ref_template=REFERENCE)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for path in document.get("paths", {}).values():
        for method in METHODS:
            if method in path:
                _document_problems(path[method])
    return document


def _document_problems(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    if "422" in responses and "application/json" in responses["422"].get("content", {}):
        responses["422"] = documented("The request is not valid")
    expected = {
        **(WITH_BODY if "requestBody" in operation else {}),
        **(WITH_TOKEN if "security" in operation else {}),
        "default": "Any other error",
    }
    for status, description in expected.items():
        responses.setdefault(status, documented(description))
