"""What is reported is what was tried: every try is counted in one place and in no other."""

from __future__ import annotations

import json

from tenantry.cli.output import plain
from tenantry.proof.isolation.report import Facts, Limit, RoleFacts, gather, make_proof, seen
from tenantry.proof.isolation.verdict import AttackResult, Outcome

ROLE = RoleFacts(
    "app",
    can_login=True,
    superuser=False,
    bypass_rls=False,
    create_role=False,
    create_database=False,
    replication=False,
    member_of=(),
)
FACTS = Facts("18.4", "template", (ROLE,), "f" * 64)
TRIES = (
    AttackResult("read", "public.a", Outcome.BLOCKED, "no row", "own"),
    AttackResult("read", "public.a", Outcome.BREACH, "2 rows", "none"),
    AttackResult("merge", "public.a", Outcome.SKIPPED, "no UPDATE", "own"),
    AttackResult("bind", "public.a", Outcome.LIMIT, "bound", checks=11),
)


def test_each_try_is_counted_once() -> None:
    proof = make_proof("items", ["public.a"], TRIES, FACTS, seconds=1.23456)
    assert (proof.tables, proof.attacks, proof.blocked, proof.checks) == (1, 3, 1, 13)
    assert [(one.attack, one.object, one.detail) for one in proof.breaches] == [("read", "public.a", "2 rows")]
    assert seen(proof.breaches[0].detail, proof.breaches[0].stance) == "2 rows (tenant setting: none)"
    assert [one.reason for one in proof.skipped] == ["no UPDATE"]
    assert [one.detail for one in proof.limits] == ["bound"]
    assert proof.is_breached


def test_what_is_skipped_or_a_limit_is_no_breach() -> None:
    proof = make_proof("items", [], [one for one in TRIES if one.outcome is not Outcome.BREACH], FACTS, seconds=0)
    assert not proof.is_breached


def test_the_document_is_the_contract() -> None:
    """Fields are added, never removed."""
    document = json.loads(json.dumps(plain(make_proof("items", ["public.a"], TRIES, FACTS, seconds=1).document())))
    assert set(document) >= {
        "service",
        "tables",
        "attacks",
        "blocked",
        "breaches",
        "skipped",
        "limits",
        "checks",
        "seconds",
        "server",
        "roles",
        "fingerprint",
        "origin",
    }
    assert "results" not in document
    assert set(document["breaches"][0]) == {"attack", "object", "detail", "stance"}
    assert set(document["skipped"][0]) == {"attack", "object", "reason", "stance"}
    assert document["roles"][0]["name"] == "app"


def test_a_limit_is_told_once_for_all_its_objects() -> None:
    limits = [
        Limit("bind", "a", "2 rows", "own"),
        Limit("bind", "a", "2 rows", "none"),
        Limit("bind", "b", "1 row", "own"),
        Limit("notify", "pool", "heard", ""),
    ]
    assert gather(limits) == [("bind", ["a", "b"], "2 rows"), ("notify", ["pool"], "heard")]
