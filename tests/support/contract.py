"""What the contract tests of all services check: the API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, unsupported_method

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, unsupported_method]


def bounded(examples: int) -> settings:
    """Ask not too much of a server, so that a run stays short; every run tries the same."""
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def aim(case: Case[Any], known: Mapping[str, str]) -> None:
    """Let half of the requests be about what is there, so that not everything ends in 404; what is there stays."""
    for name, value in (case.path_parameters or {}).items():
        if len(str(value)) % 2 == 0 and case.method != "DELETE":
            case.path_parameters[name] = known[name]


def check(case: Case[Any], answer: Any) -> None:
    """Refuse a failure of the service, a status that is not documented, and an answer that does not fit its schema."""
    case.validate_response(answer, checks=CHECKS)
    is_documented = str(answer.status_code) in case.operation.definition.raw["responses"]
    # Schemathesis also tries the methods that a path does not have.
    is_other_method = case.method.lower() != case.operation.method.lower()
    assert is_documented or (answer.status_code == 405 and is_other_method), f"{answer.status_code} is not documented."
