"""Policies of the declared tables: each exists, is exactly as declared, and no other policy allows rows."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import PUBLIC, Policy
from tenantry.proof.audit.differences import altered, missing, undeclared
from tenantry.proof.audit.policy_clauses import context_of, diagnose_clauses
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot

_RECREATE = "Drop the policy and create it as the models declare it."


@rule(
    "TN004",
    "error",
    reason="Without its policy a tenant sees no row, or another policy alone decides which rows it sees.",
    remedy="Create the policy as the models declare it.",
)
def policy_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared policy exists."""
    for item in missing(snapshot, Policy):
        yield violation(item, f"The {item} is declared and does not exist.", *item.create())


@rule(
    "TN005",
    "error",
    reason="A different policy can let other rows through. TN009 to TN020 are the differences with a code of their "
    "own.",
    remedy=_RECREATE,
)
def policy_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared policy is exactly as declared."""
    for item, found in altered(snapshot, Policy):
        clauses = diagnose_clauses(item, found, context_of(item, snapshot))
        told = [f"Its {clause} is not as declared: {text}." for clause, text in clauses.get("policy_altered", ())]
        if (
            not clauses
            and found.roles == item.roles
            and found.command == item.command
            and not _is_unchecked(item, found)
        ):
            pairs = [(name, getattr(item, name), getattr(found, name)) for name in ("permissive", "using", "check")]
            said = [f"{name} is {there!r} instead of {wanted!r}" for name, wanted, there in pairs if wanted != there]
            told = [f"The {item} was altered: {', '.join(said)}."]
        if told:
            yield _replaced(item, found, " ".join(told))


@rule(
    "TN006",
    "error",
    reason="PostgreSQL joins permissive policies by OR: a row that one policy allows passes, whatever the tenant "
    "policy says.",
    remedy="Drop the policy. A restrictive policy only hides rows, so it is a warning.",
)
def policy_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared policy lets rows through."""
    for item in undeclared(snapshot, Policy):
        if not snapshot.is_declared(item.schema, item.table):
            continue
        if item.permissive:
            message = f"No model declares the {item}. It is permissive: the declared policy does not stop its rows."
            yield violation(item, message, *item.drop())
        else:
            message = f"No model declares the {item}. It is restrictive: it hides rows that the models promise."
            yield violation(item, message, *item.drop(), severity="warning")


@rule(
    "TN009",
    "error",
    reason="With USING (true) a tenant reads the rows of all tenants; with WITH CHECK (true) it writes rows of any "
    "tenant.",
    remedy=_RECREATE,
)
def policy_always_true(snapshot: Snapshot) -> Iterator[Violation]:
    """No clause of a policy is true for every row."""
    yield from _clauses(snapshot, "policy_always_true", "is true for every row")


@rule(
    "TN010",
    "warning",
    reason="Without it PostgreSQL uses USING for writes too, so a change of USING for reads also changes the writes.",
    remedy=_RECREATE,
)
def policy_unchecked(snapshot: Snapshot) -> Iterator[Violation]:
    """The tenant policy has a WITH CHECK clause."""
    for item, found in altered(snapshot, Policy):
        if _is_unchecked(item, found):
            message = "The policy has no WITH CHECK: PostgreSQL checks writes by the clause for reads."
            yield _replaced(item, found, message)


@rule(
    "TN011",
    "error",
    reason="For the other commands only other policies decide; without another policy the command affects no row.",
    remedy="Drop the policy and create it FOR ALL.",
)
def policy_command_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """The tenant policy is for SELECT, INSERT, UPDATE and DELETE."""
    for item, found in altered(snapshot, Policy):
        if found.command != item.command:
            message = f"The policy is for {found.command} only, and is declared for {item.command}."
            yield _replaced(item, found, message)


@rule(
    "TN012",
    "error",
    reason="A connection that has set no tenant, for example because of a mistake, sees the rows of all tenants.",
    remedy=_RECREATE,
)
def policy_open_unset(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy lets no row through while no tenant is set."""
    yield from _clauses(snapshot, "policy_open_unset", "is true while no tenant is set")


@rule(
    "TN013",
    "error",
    reason="Every tenant reads the rows without a tenant, and can make its own rows visible to all tenants.",
    remedy=_RECREATE,
)
def policy_open_null(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy lets no row through because the row has no tenant."""
    yield from _clauses(snapshot, "policy_open_null", "is true for rows without a tenant")


@rule(
    "TN014",
    "error",
    reason="A setting is NULL before its first use and '' after the transaction that set it. A text column takes '' "
    "for a tenant. For other types the cast fails, or the setting is unknown, so statements on pooled connections fail "
    "at random.",
    remedy="Drop the policy and create it with `nullif(current_setting(..., true), '')`.",
)
def policy_unset_unhandled(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy treats a setting that is unset or empty as no tenant."""
    yield from _clauses(snapshot, "policy_unset_unhandled", "does not treat an unset or empty setting as no tenant")


@rule(
    "TN015",
    "error",
    reason="Another column does not say which tenant a row belongs to: its writer decides which tenant sees the row.",
    remedy="Drop the policy and create it with the tenant column.",
)
def policy_wrong_column(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy compares the tenant column."""
    yield from _clauses(snapshot, "policy_wrong_column", "does not compare the tenant column")


@rule(
    "TN016",
    "error",
    reason="Without its own policy the application sees no row; with the owner's policy, which allows every row, it "
    "sees all rows.",
    remedy="Drop the policy and create it for the declared role.",
)
def policy_wrong_role(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy is for the role that the models name."""
    for item, found in altered(snapshot, Policy):
        if found.roles != item.roles and not _is_for_public(item, found):
            message = f"The policy is for {', '.join(found.roles)}, and is declared for {', '.join(item.roles)}."
            yield _replaced(item, found, message)


@rule(
    "TN017",
    "error",
    reason="PUBLIC is every role of the cluster: the policy lets each of them through as soon as it gets a privilege.",
    remedy="Drop the policy and create it for the declared role.",
)
def policy_to_public(snapshot: Snapshot) -> Iterator[Violation]:
    """No declared policy is for PUBLIC."""
    for item, found in altered(snapshot, Policy):
        if _is_for_public(item, found):
            message = f"The policy is for PUBLIC, which is every role, and is declared for {', '.join(item.roles)}."
            yield _replaced(item, found, message)


@rule(
    "TN018",
    "warning",
    reason="PostgreSQL evaluates a bare `current_setting()` for every row: 0.7 s instead of 0.1 s for a million rows.",
    remedy="Drop the policy and create it with `(SELECT ...)` around the setting.",
)
def policy_per_row(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy reads the tenant once for each statement, in a sub-select."""
    yield from _clauses(snapshot, "policy_per_row", "reads the setting for every row")


@rule(
    "TN019",
    "error",
    reason="Every role may set a custom setting, so one injected `set_config` opens the rows of all tenants.",
    remedy="Drop the policy and create it as the models declare it. Use the admin role to read across tenants.",
)
def policy_bypass_setting(snapshot: Snapshot) -> Iterator[Violation]:
    """No setting switches a policy off."""
    yield from _clauses(snapshot, "policy_bypass_setting", "can be switched off by a setting that every role may set")


@rule(
    "TN020",
    "error",
    reason="Tenantry does not set the other setting: it is unset, or other code sets it for another purpose.",
    remedy="Drop the policy and create it with the service's setting.",
)
def policy_wrong_setting(snapshot: Snapshot) -> Iterator[Violation]:
    """A policy reads the setting in which Tenantry sets the tenant."""
    yield from _clauses(snapshot, "policy_wrong_setting", "does not read the setting in which Tenantry sets the tenant")


def _clauses(snapshot: Snapshot, name: str, phrase: str) -> Iterator[Violation]:
    """Yield the policies with a clause that breaks the rule `name`; one violation for both clauses."""
    for item, found in altered(snapshot, Policy):
        clauses = diagnose_clauses(item, found, context_of(item, snapshot)).get(name)
        if clauses:
            told = " ".join(f"Its {clause} {phrase}: {text}." for clause, text in clauses)
            yield _replaced(item, found, told)


def _is_for_public(item: Policy, found: Policy) -> bool:
    return PUBLIC in found.roles and PUBLIC not in item.roles


def _is_unchecked(item: Policy, found: Policy) -> bool:
    return found.command == item.command and item.check is not None and found.check is None


def _replaced(item: Policy, found: Policy, message: str) -> Violation:
    return violation(item, message, *found.drop(), *item.create())
