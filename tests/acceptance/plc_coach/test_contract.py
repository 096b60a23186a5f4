"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from coaching import RIVERSIDE, assertion_of
from contract import aim, bounded, check
from schemathesis import Case
from serving import serving

from plc_coach.app import create_app
from plc_coach.service import service as plc_coach_service
from plc_coach.settings import Settings
from tenantry.deployment import Deployment
from tenantry.testing import Cluster

pytestmark = pytest.mark.one_version

schema = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def running(needs_vector: None, tenantry_cluster: Cluster) -> Iterator[tuple[str, Settings]]:
    """A running service, which every example shares."""
    template = tenantry_cluster.template(plc_coach_service, {})
    with tenantry_cluster.scratch(plc_coach_service, {}, template) as scratch:
        assert isinstance(scratch.settings, Settings)
        with serving(create_app(Deployment(plc_coach_service, scratch.settings))) as url:
            yield url, scratch.settings


@pytest.fixture
def bearer(running: tuple[str, Settings]) -> dict[str, str]:
    """A session of an admin; each test has its own, for one of them ends it."""
    url, settings = running
    assertion = assertion_of(settings, "ruth", RIVERSIDE, role="admin")
    session = httpx2.post(f"{url}/identity", json={"assertion": assertion}).json()
    return {"Authorization": f"Bearer {session['id']}"}


@pytest.fixture
def known(running: tuple[str, Settings], bearer: dict[str, str]) -> dict[str, str]:
    """Path parameters of what is there, so that not everything ends in 404."""
    url, _ = running
    conversation = httpx2.post(f"{url}/conversations", json={"title": "T"}, headers=bearer).json()["id"]
    path = f"{url}/conversations/{conversation}"
    message = httpx2.post(f"{path}/messages", json={"role": "user", "content": "C"}, headers=bearer).json()["id"]
    token = httpx2.put(f"{path}/share", headers=bearer).json()["share_token"]
    return {"conversation_id": conversation, "message_id": message, "share_token": token}


@schema.parametrize()
@bounded(30)
def test_the_api_keeps_its_contract(
    case: Case[Any], running: tuple[str, Settings], bearer: dict[str, str], known: dict[str, str]
) -> None:
    """No failure of the service, no status that is not documented, no answer that does not fit its schema."""
    aim(case, known)
    check(case, case.call(base_url=running[0], headers=bearer))
