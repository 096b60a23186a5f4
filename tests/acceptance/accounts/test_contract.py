"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from accounts_api import CHEAP, PASSWORD
from contract import aim, bounded, check
from schemathesis import Case
from serving import serving

from accounts.app import create_app
from accounts.service import service as accounts_service
from accounts.settings import Settings
from tenantry.deployment import Deployment
from tenantry.testing import Cluster

pytestmark = pytest.mark.one_version

schema = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def service(tenantry_cluster: Cluster) -> Iterator[str]:
    """The URL of a running service, which every example shares."""
    template = tenantry_cluster.template(accounts_service, CHEAP)
    with tenantry_cluster.scratch(accounts_service, CHEAP, template) as scratch:
        assert isinstance(scratch.settings, Settings)
        with serving(create_app(Deployment(accounts_service, scratch.settings))) as url:
            yield url


@pytest.fixture(scope="module")
def bearer(service: str) -> dict[str, str]:
    """An administrator's token."""
    person = {"tenant": "acme", "username": "ada", "email": "ada@acme.example", "password": PASSWORD}
    assert httpx2.post(f"{service}/sign-up", json=person).status_code == 201
    credentials = {"email": person["email"], "password": person["password"]}
    token = httpx2.post(f"{service}/sign-in", json=credentials).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def known(service: str, bearer: dict[str, str]) -> str:
    """A user who is there, so that not everything ends in 404."""
    person = {"username": "alan", "email": "alan@acme.example", "password": PASSWORD}
    user_id: str = httpx2.post(f"{service}/users", json=person, headers=bearer).json()["id"]
    return user_id


@schema.parametrize()
@bounded(40)
def test_the_api_keeps_its_contract(case: Case[Any], service: str, bearer: dict[str, str], known: str) -> None:
    """No failure of the service, no status that is not documented, no answer that does not fit its schema."""
    aim(case, {"user_id": known})
    check(case, case.call(base_url=service, headers=bearer))
