"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from contract import aim, bounded, check
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case
from servicedesk import serving, settings_for, signed, tenant_document

from ai_agents.app import create_app
from tenantry import Address
from tenantry.fastapi import issue_token

pytestmark = pytest.mark.one_version

schema = schemathesis.openapi.from_dict(create_app().openapi())


def bearer_of(tenant: str) -> dict[str, str]:
    settings = settings_for(Address.parse("postgresql://anyone@anywhere/any"))
    return {"Authorization": f"Bearer {issue_token(settings, 'fuzzer', tenant, ['admin'])}"}


@pytest.fixture(scope="module")
def bearer() -> dict[str, str]:
    return bearer_of("acme")


@pytest.fixture(scope="module")
def service(shared_address: Address) -> Iterator[str]:
    """The URL of a running service that knows two tenants; acme's secrets are what the fuzzer makes of them."""
    with serving(settings_for(shared_address)) as url:
        for tenant in ("acme", "globex"):
            path = f"{url}/ai-agents/tenants/{tenant}"
            assert httpx2.put(path, json=tenant_document(), headers=bearer_of(tenant)).is_success
        yield f"{url}/ai-agents"


@pytest.fixture
def known(service: str, bearer: dict[str, str]) -> dict[str, str]:
    """Path parameters of what is there, so that not everything ends in 404."""
    answer = httpx2.post(f"{service}/enhancements", json={"ticket_id": "T-1"}, headers=bearer)
    return {"tenant_id": "acme", "enhancement_id": answer.json()["id"]}


@schema.parametrize()
@bounded(40)
def test_the_api_keeps_its_contract(
    case: Case[Any], service: str, bearer: dict[str, str], known: dict[str, str]
) -> None:
    """No failure of the service, no status that is not documented, no answer that does not fit its schema."""
    aim(case, known)
    check(case, case.call(base_url=service, headers=bearer))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
tickets = st.fixed_dictionaries(
    {"delivery_id": st.text(min_size=1) | json_values, "ticket_id": st.text(min_size=1) | json_values},
    optional={"context": st.dictionaries(st.text(), json_values) | json_values},
)


@bounded(40)
@given(body=st.binary(max_size=200) | (tickets | json_values).map(json.dumps).map(str.encode))
def test_whatever_a_service_desk_signs_is_answered(service: str, body: bytes) -> None:
    """A signed body is accepted, refused as a replay, or refused for what it holds; never a failure."""
    answer = httpx2.post(f"{service}/webhooks/servicedesk", **signed(body, tenant="globex"))
    assert answer.status_code in {202, 400, 409, 422}
