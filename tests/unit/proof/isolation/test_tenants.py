from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import BigInteger, Integer, SmallInteger, String, Text, Uuid
from sqlalchemy.types import TypeEngine

from tenantry.proof.isolation.tenants import TenantNames, tenant_names_for
from tenantry.tenancy.scope import parse_tenant

TYPES: list[TypeEngine[Any]] = [
    String(100),
    String(6),
    String(3),
    String(),
    Text(),
    Uuid(),
    SmallInteger(),
    Integer(),
    BigInteger(),
]


@pytest.mark.parametrize("kind", TYPES, ids=repr)
def test_every_choice_is_legal_and_of_three_tenants(kind: TypeEngine[Any]) -> None:
    tenant_names = list(tenant_names_for(kind))
    assert tenant_names
    for tenants in tenant_names:
        assert [str(parse_tenant(tenant, kind)) for tenant in tenants] == list(tenants)
        assert len(set(tenants)) == 3


@pytest.mark.parametrize("kind", TYPES, ids=repr)
def test_no_choice_comes_twice(kind: TypeEngine[Any]) -> None:
    tenants = [tenant for tenants in tenant_names_for(kind) for tenant in tenants]
    pairs = [pair for tenants in tenant_names_for(kind) for pair in itertools.pairwise(tenants)]
    assert tenants
    assert len(pairs) == len(set(pairs))


def test_the_first_names_are_parts_of_each_other_and_one_has_a_quote() -> None:
    """A peer that compared a prefix let tenant `tenant_a` read what is `a`'s."""
    tenants = next(tenant_names_for(String(100)))
    assert tenants.attacker.endswith(tenants.victim)
    assert tenants.bystander.startswith(tenants.attacker)
    assert "'" in tenants.bystander


def test_the_first_numbers_are_neighbours_and_one_is_negative() -> None:
    attacker, victim, bystander = map(int, next(tenant_names_for(BigInteger())))
    assert victim - attacker == 1
    assert bystander == -attacker


def test_uuids_differ_in_one_bit() -> None:
    tenants = next(tenant_names_for(Uuid()))
    assert tenants.attacker[:-1] == tenants.victim[:-1]
    assert tenants.attacker[1:] == tenants.bystander[1:]


def test_each_tenant_has_a_part() -> None:
    tenants = TenantNames("a", "b", "c")
    assert [tenants.role_of(tenant) for tenant in tenants] == ["attacker", "victim", "bystander"]
