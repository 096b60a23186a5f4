"""The tenant policy, each clause of it weakened by itself."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["POLICIES"]

NAME = "tenant_isolation_policy"
SHIPS = f"policy public.ships.{NAME}"
SETTING = "current_setting('app.current_tenant_id', true)"
TENANT = f"(SELECT nullif({SETTING}, ''))"
MINE = f"tenant_id::text = {TENANT}"


def using(clause: str) -> str:
    return f"ALTER POLICY {NAME} ON ships USING ({clause})"


def recreate(clauses: str) -> str:
    return f"DROP POLICY {NAME} ON ships;;CREATE POLICY {NAME} ON ships {clauses}"


def checking(clause: str) -> str:
    return f"ALTER POLICY {NAME} ON ships WITH CHECK ({clause})"


POLICIES = (
    Sabotage("USING true", using("true"), ("policy_always_true",), SHIPS, "error"),
    Sabotage("WITH CHECK true", checking("true"), ("policy_always_true",), SHIPS, "error"),
    Sabotage("USING or true", using(f"{MINE} OR true"), ("policy_always_true",), SHIPS),
    Sabotage("USING or one is one", using(f"{MINE} OR 1 = 1"), ("policy_always_true",), SHIPS),
    Sabotage("USING a column equal to itself", using("tenant_id = tenant_id"), ("policy_always_true",), SHIPS),
    Sabotage("USING any tenant at all", using("tenant_id IS NOT NULL"), ("policy_always_true",), SHIPS),
    Sabotage(
        "WITH CHECK any tenant at all", checking(f"{MINE} OR tenant_id IS NOT NULL"), ("policy_always_true",), SHIPS
    ),
    Sabotage("no WITH CHECK", recreate(f"TO {{app}} USING ({MINE})"), ("policy_unchecked",), SHIPS, "warning"),
    Sabotage(
        "policy for SELECT alone", recreate(f"FOR SELECT TO {{app}} USING ({MINE})"), ("policy_command_missing",), SHIPS
    ),
    Sabotage(
        "policy for INSERT alone",
        recreate(f"FOR INSERT TO {{app}} WITH CHECK ({MINE})"),
        ("policy_command_missing",),
        SHIPS,
    ),
    Sabotage(
        "policy for UPDATE alone", recreate(f"FOR UPDATE TO {{app}} USING ({MINE})"), ("policy_command_missing",), SHIPS
    ),
    Sabotage("open while unset", using(f"{MINE} OR {SETTING} IS NULL"), ("policy_open_unset",), SHIPS),
    Sabotage("open while empty", using(f"{MINE} OR {SETTING} = ''"), ("policy_open_unset",), SHIPS),
    Sabotage("open while nullif is null", using(f"{MINE} OR {TENANT} IS NULL"), ("policy_open_unset",), SHIPS),
    Sabotage(
        "unset is whatever the row says",
        using(f"tenant_id = coalesce({SETTING}, tenant_id)"),
        ("policy_open_unset",),
        SHIPS,
    ),
    Sabotage(
        "unset is a tenant by name",
        using(f"tenant_id = (SELECT coalesce(nullif({SETTING}, ''), 'public'))"),
        ("policy_open_unset",),
        SHIPS,
    ),
    Sabotage("WITH CHECK open while unset", checking(f"{MINE} OR {SETTING} IS NULL"), ("policy_open_unset",), SHIPS),
    Sabotage("open to rows without a tenant", using(f"{MINE} OR tenant_id IS NULL"), ("policy_open_null",), SHIPS),
    Sabotage(
        "a row without a tenant is mine",
        using(f"coalesce(tenant_id, {SETTING}) = {TENANT}"),
        ("policy_open_null",),
        SHIPS,
    ),
    Sabotage("not distinct from", using(f"tenant_id IS NOT DISTINCT FROM {TENANT}"), ("policy_open_null",), SHIPS),
    Sabotage("no nullif", using(f"tenant_id::text = (SELECT {SETTING})"), ("policy_unset_unhandled",), SHIPS),
    Sabotage(
        "no missing_ok",
        using("tenant_id::text = (SELECT nullif(current_setting('app.current_tenant_id'), ''))"),
        ("policy_unset_unhandled",),
        SHIPS,
    ),
    Sabotage("another column", using(f"name::text = {TENANT}"), ("policy_wrong_column",), SHIPS),
    Sabotage("another column to write", checking(f"kind::text = {TENANT}"), ("policy_wrong_column",), SHIPS),
    Sabotage("the role is PUBLIC", f"ALTER POLICY {NAME} ON ships TO PUBLIC", ("policy_to_public",), SHIPS),
    Sabotage("the role is another", f"ALTER POLICY {NAME} ON ships TO {{admin}}", ("policy_wrong_role",), SHIPS),
    Sabotage("a second role", f"ALTER POLICY {NAME} ON ships TO {{app}}, {{admin}}", ("policy_wrong_role",), SHIPS),
    Sabotage(
        "the owner's policy for the application",
        "ALTER POLICY owner_maintenance_policy ON ships TO {app}",
        ("policy_wrong_role",),
        "policy public.ships.owner_maintenance_policy",
        "error",
    ),
    Sabotage(
        "the owner's policy for PUBLIC",
        "ALTER POLICY owner_maintenance_policy ON cargo TO PUBLIC",
        ("policy_to_public",),
        "policy public.cargo.owner_maintenance_policy",
        "error",
    ),
    Sabotage(
        "the owner's policy of a partition for the application",
        "ALTER POLICY owner_maintenance_policy ON logbook_p0 TO {app}",
        ("policy_wrong_role",),
        "policy public.logbook_p0.owner_maintenance_policy",
        "error",
    ),
    Sabotage("bare setting", using(f"tenant_id::text = nullif({SETTING}, '')"), ("policy_per_row",), SHIPS, "warning"),
    Sabotage(
        "bare setting that raises",
        using("tenant_id::text = current_setting('app.current_tenant_id')"),
        ("policy_per_row", "policy_unset_unhandled"),
        SHIPS,
    ),
    Sabotage(
        "bypass by a setting",
        using(f"{MINE} OR current_setting('app.bypass', true) = 'on'"),
        ("policy_bypass_setting",),
        SHIPS,
    ),
    Sabotage(
        "bypass by a setting in a sub-select",
        using(f"{MINE} OR (SELECT current_setting('app.is_admin', true))::boolean"),
        ("policy_bypass_setting",),
        SHIPS,
    ),
    Sabotage(
        "bypass by a setting in a CASE",
        using(f"CASE WHEN current_setting('app.bypass', true) = 'on' THEN true ELSE {MINE} END"),
        ("policy_bypass_setting",),
        SHIPS,
    ),
    Sabotage(
        "another setting",
        using("tenant_id::text = (SELECT nullif(current_setting('app.user_id', true), ''))"),
        ("policy_wrong_setting",),
        SHIPS,
    ),
    Sabotage("a user's name", using(f"{MINE} OR current_user = 'support'"), ("policy_altered",), SHIPS),
    Sabotage("a prefix of the tenant", using(f"tenant_id LIKE {TENANT} || '%'"), ("policy_altered",), SHIPS),
    Sabotage("another order", using(f"tenant_id::text >= {TENANT}"), ("policy_altered",), SHIPS),
    Sabotage("negated", using(f"NOT ({MINE})"), ("policy_altered",), SHIPS),
    Sabotage("narrowed", using(f"{MINE} AND crew > 0"), ("policy_altered",), SHIPS),
    Sabotage(
        "restrictive",
        recreate(f"AS RESTRICTIVE TO {{app}} USING ({MINE}) WITH CHECK ({MINE})"),
        ("policy_altered",),
        SHIPS,
    ),
    Sabotage(
        "the owner sees only what has a crew",
        "ALTER POLICY owner_maintenance_policy ON ships USING (crew > 0)",
        ("policy_altered",),
        "policy public.ships.owner_maintenance_policy",
    ),
)
