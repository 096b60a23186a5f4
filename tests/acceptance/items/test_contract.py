"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from contract import aim, bounded, check
from schemathesis import Case
from serving import serving

from items.app import create_app
from items.service import service as items_service
from tenantry.deployment import Deployment
from tenantry.testing import Cluster

pytestmark = pytest.mark.one_version

schema = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def service(tenantry_cluster: Cluster) -> Iterator[str]:
    """The URL of a running service, which every example shares."""
    template = tenantry_cluster.template(items_service, {})
    with (
        tenantry_cluster.scratch(items_service, {}, template) as scratch,
        serving(create_app(Deployment(items_service, scratch.settings))) as url,
    ):
        yield url


@pytest.fixture(scope="module")
def known(service: str) -> httpx2.Response:
    """An item that is there, so that not everything ends in 404."""
    return httpx2.post(service, json={"name": "Known"})


@schema.parametrize()
@bounded(40)
def test_the_api_keeps_its_contract(case: Case[Any], service: str, known: httpx2.Response) -> None:
    """No failure of the service, no status that is not documented, no answer that does not fit its schema."""
    aim(case, {"item_id": known.json()["id"]})
    check(case, case.call(base_url=service))
