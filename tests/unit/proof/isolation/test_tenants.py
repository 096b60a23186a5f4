from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import BigInteger, Integer, SmallInteger, String, Text, Uuid
from sqlalchemy.types import TypeEngine

from tenantry.proof.isolation.tenants import Trio, trios_for
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
    trios = list(trios_for(kind))
    assert trios
    for trio in trios:
        assert [str(parse_tenant(tenant, kind)) for tenant in trio] == list(trio)
        assert len(set(trio)) == 3


@pytest.mark.parametrize("kind", TYPES, ids=repr)
def test_no_choice_comes_twice(kind: TypeEngine[Any]) -> None:
    tenants = [tenant for trio in trios_for(kind) for tenant in trio]
    pairs = [pair for trio in trios_for(kind) for pair in itertools.pairwise(trio)]
    assert tenants
    assert len(pairs) == len(set(pairs))


def test_the_first_names_are_parts_of_each_other_and_one_has_a_quote() -> None:
    """A peer that compared a prefix let tenant `tenant_a` read what is `a`'s."""
    trio = next(trios_for(String(100)))
    assert trio.attacker.endswith(trio.victim)
    assert trio.bystander.startswith(trio.attacker)
    assert "'" in trio.bystander


def test_the_first_numbers_are_neighbours_and_one_is_negative() -> None:
    attacker, victim, bystander = map(int, next(trios_for(BigInteger())))
    assert victim - attacker == 1
    assert bystander == -attacker


def test_uuids_differ_in_one_bit() -> None:
    trio = next(trios_for(Uuid()))
    assert trio.attacker[:-1] == trio.victim[:-1]
    assert trio.attacker[1:] == trio.bystander[1:]


def test_each_tenant_has_a_part() -> None:
    trio = Trio("a", "b", "c")
    assert [trio.role_of(tenant) for tenant in trio] == ["attacker", "victim", "bystander"]
