"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, unsupported_method

from items.app import create_app
from items.service import service as items_service
from tenantry.testing.cluster import Cluster
from tenantry.web.host import host

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, unsupported_method]

# A server that is not asked for much, so that a run stays short; every run tries the same.
bounded = bounds(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

schema = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def service(tenantry_cluster: Cluster) -> Iterator[str]:
    """The URL of a running service, which every example shares."""
    template = tenantry_cluster.template(items_service, {})
    with tenantry_cluster.scratch(items_service, {}, template) as scratch:
        app: Any = host(create_app(scratch.settings))  # type: ignore[arg-type]  # it is what the service's class made.
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/items"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def known(service: str) -> httpx2.Response:
    """An item that is there, so that not everything ends in 404."""
    return httpx2.post(service, json={"name": "Known"})


@schema.parametrize()
@bounded
def test_the_api_keeps_its_contract(case: Case[Any], service: str, known: httpx2.Response) -> None:
    """No failure of the service, no status that is not documented, no answer that does not fit its schema."""
    for name, value in (case.path_parameters or {}).items():
        if len(str(value)) % 2 == 0 and case.method != "DELETE":
            case.path_parameters[name] = known.json()["id"]
    answer = case.call(base_url=service)
    case.validate_response(answer, checks=CHECKS)
    is_documented = str(answer.status_code) in case.operation.definition.raw["responses"]
    # Schemathesis also tries the methods that a path does not have.
    assert is_documented or (answer.status_code == 405 and case.method.lower() != case.operation.method.lower())
