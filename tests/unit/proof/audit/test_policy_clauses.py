"""The rules that a clause of a policy breaks, from the text that PostgreSQL prints for it."""

from __future__ import annotations

import pytest

from tenantry.postgres.objects import Policy
from tenantry.proof.audit.policy_clauses import Context, alternatives, diagnose_clause, diagnose_clauses

CONTEXT = Context("tenant_id", "app.current_tenant_id")
SETTING = "current_setting('app.current_tenant_id'::text, true)"
TENANT = f"""( SELECT NULLIF({SETTING}, ''::text) AS "nullif")"""
MINE = f"((tenant_id)::text = {TENANT})"
MINE_POLICY = Policy("p", "ships", ("app",), MINE, MINE)
BY_UUID = f"""(tenant_id = ( SELECT (NULLIF({SETTING}, ''::text))::uuid AS "nullif"))"""


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (MINE, set()),
        ("true", {"policy_always_true"}),
        (f"({MINE} OR true)", {"policy_always_true"}),
        (f"({MINE} OR (1 = 1))", {"policy_always_true"}),
        (f"(({MINE} OR (kind = 'x'::text)) OR (id = id))", {"policy_always_true"}),
        ("((tenant_id)::text = (tenant_id)::text)", {"policy_always_true"}),
        ("(tenant_id IS NOT NULL)", {"policy_always_true"}),
        ('("tenant_id" IS NULL)', {"policy_open_null"}),
        (f"({MINE} OR ({SETTING} IS NULL))", {"policy_open_unset"}),
        (f"({MINE} OR ({SETTING} = ''::text))", {"policy_open_unset"}),
        (f"({MINE} OR ({TENANT} IS NULL))", {"policy_open_unset"}),
        (f"((tenant_id)::text = COALESCE({SETTING}, (tenant_id)::text))", {"policy_open_unset"}),
        (f"((tenant_id)::text = ( SELECT {SETTING} AS current_setting))", {"policy_unset_unhandled"}),
        (f"((tenant_id)::text = NULLIF({SETTING}, ''::text))", {"policy_per_row"}),
        (f"((tenant_id)::text = {SETTING})", {"policy_per_row", "policy_unset_unhandled"}),
        (f"((owner)::text = {TENANT})", {"policy_wrong_column"}),
        (f"({MINE} OR (current_setting('app.Bypass'::text, true) = 'on'::text))", {"policy_bypass_setting"}),
        ("((tenant_id)::text = ( SELECT current_setting('app.user'::text)))", {"policy_wrong_setting"}),
        (f"({MINE} AND (crew > 0))", set()),
        (f"(NOT {MINE})", set()),
        ("((tenant_id)::text = (CURRENT_USER)::text)", set()),
    ],
)
def test_a_clause_has_the_names_of_what_is_wrong_with_it(text: str, rules: set[str]) -> None:
    assert diagnose_clause(text, MINE, CONTEXT) == rules


def test_a_uuid_tenant_is_read_alike() -> None:
    assert diagnose_clause(f"({BY_UUID} OR (tenant_id IS NULL))", BY_UUID, CONTEXT) == {"policy_open_null"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(a OR b)", ["a", "b"]),
        ("((a OR (b OR c)) OR (d AND e))", ["a", "b", "c", "d AND e"]),
        ("(x = ' OR '::text)", ["x = ' OR '::text"]),
        ("((x = ')'::text) OR (y))", ["x = ')'::text", "y"]),
        ('((" OR " = 1) OR y)', ['" OR " = 1', "y"]),
        ("(a) OR (b)", ["a", "b"]),
        ("(it = 'it''s OR'::text)", ["it = 'it''s OR'::text"]),
    ],
)
def test_alternatives_are_told_apart(text: str, parts: list[str]) -> None:
    assert alternatives(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        f"(((tenant_id)::text = NULLIF({SETTING}, ''::text)) OR (kind = 'x'::text))",
        f"(((tenant_id)::text = NULLIF({SETTING}, ''::text)) IS NOT FALSE)",
        f"((tenant_id)::text = ANY (string_to_array(NULLIF({SETTING}, ''::text), ','::text)))",
    ],
)
def test_a_warning_does_not_hide_a_part_without_a_rule(text: str) -> None:
    """Each reads the setting for every row, and lets rows of others through."""
    assert diagnose_clauses(MINE_POLICY, _found(text, text), CONTEXT).keys() == {"policy_per_row", "policy_altered"}


def test_a_difference_without_a_rule_is_an_alteration() -> None:
    text = f"({MINE} AND (crew > 0))"
    assert diagnose_clauses(MINE_POLICY, _found(text, MINE), CONTEXT) == {"policy_altered": [("USING", text)]}


def test_a_missing_clause_is_no_difference_of_a_clause() -> None:
    """`policy_unchecked` reports it."""
    text = f"({MINE} OR (kind = 'x'::text))"
    assert diagnose_clauses(MINE_POLICY, _found(text, None), CONTEXT) == {"policy_altered": [("USING", text)]}


def test_both_clauses_of_one_rule_stand_together() -> None:
    clauses = [("USING", "true"), ("WITH CHECK", "true")]
    assert diagnose_clauses(MINE_POLICY, _found("true", "true"), CONTEXT) == {"policy_always_true": clauses}


def test_a_table_without_a_tenant_column_has_no_clause_to_compare() -> None:
    assert diagnose_clauses(MINE_POLICY, _found("true", "true"), None) == {}


def _found(using: str, check: str | None) -> Policy:
    return Policy("p", "ships", ("app",), using, check)
