"""Triggers, event triggers and rewrite rules: the declared triggers fire, and no other code runs in statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tenantry.postgres.objects import Trigger
from tenantry.proof.audit.differences import altered, describe_difference, missing, undeclared
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier, qualified


@rule(
    "TN204",
    "error",
    reason="The columns that the trigger sets, such as `updated_at`, have wrong values from now on.",
    remedy="Create the trigger as the models declare it.",
)
def trigger_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared trigger exists."""
    for item in missing(snapshot, Trigger):
        yield violation(item, f"The {item} is declared and does not exist.", *item.create())


@rule(
    "TN205",
    "error",
    reason="The trigger fires for other events, or runs another function.",
    remedy="Drop the trigger and create it as the models declare it.",
)
def trigger_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared trigger is exactly as declared."""
    for item, found in altered(snapshot, Trigger):
        if not _differs_by_state(item, found):
            message = f"The {item} was altered: {describe_difference(item, found)}."
            yield violation(item, message, *found.drop(), *item.create())


@rule(
    "TN206",
    "error",
    reason="The columns that the trigger sets, such as `updated_at`, have wrong values from now on.",
    remedy="Enable the trigger.",
)
def trigger_disabled(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared trigger is enabled as declared."""
    for item, found in altered(snapshot, Trigger):
        if _differs_by_state(item, found):
            state = f"ALTER TABLE {qualified(item.schema, item.table)} {item.state} TRIGGER {identifier(item.name)}"
            yield violation(item, f"The {item} is declared {item.state}, and is {found.state}.", state)


@rule(
    "TN207",
    "warning",
    reason="The trigger's function can read and change every row that is written.",
    remedy="Declare the trigger, or drop it.",
)
def trigger_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared trigger is on a declared table."""
    for item, owner in _undeclared(snapshot):
        if owner is None:
            yield violation(item, f"No model declares the {item}.", *item.drop())


@rule(
    "TN208",
    "warning",
    reason="A rule replaces a statement by others, which run with the rights of the table's owner.",
    remedy="Drop the rule.",
)
def rule_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No rewrite rule is on a declared table."""
    for key in snapshot.tables:
        for name in snapshot.rows("rules", key) if key in snapshot.relations else ():
            message = f"A rewrite rule on {'.'.join(key)} replaces statements by others."
            remedy = f"DROP RULE {identifier(name)} ON {qualified(*key)}"
            yield violation(f"rule {'.'.join((*key, name))}", message, remedy)


@rule(
    "TN213",
    "error",
    reason="A trigger whose function is SECURITY DEFINER can read and write rows of other tenants in a tenant's "
    "statement.",
    remedy="Drop the trigger, or make its function SECURITY INVOKER.",
)
def trigger_privileged(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared trigger runs with more rights than the role that writes."""
    for item, owner in _undeclared(snapshot):
        if owner is not None:
            message = f"No model declares the {item}, and its function runs with the rights of {owner}."
            yield violation(item, message, *item.drop())


@rule(
    "TN214",
    "warning",
    reason="It runs in migrations. An event trigger on `login` runs in every session, where it can set a tenant.",
    remedy="Drop the event trigger.",
)
def event_trigger(snapshot: Snapshot) -> Iterator[Violation]:
    """There is no event trigger."""
    for row in snapshot.facts["event_triggers"]:
        is_login = row["event"] == "login"
        where = "in every session, before its first statement" if is_login else f"at {row['event']}, also in migrations"
        severity: Severity = "error" if is_login else "warning"
        remedy = f"DROP EVENT TRIGGER {identifier(row['name'])}"
        yield violation(f"event trigger {row['name']}", f"Its function runs {where}.", remedy, severity=severity)


def _differs_by_state(item: Trigger, found: Trigger) -> bool:
    return dataclasses.replace(found, state=item.state) == item


def _undeclared(snapshot: Snapshot) -> Iterator[tuple[Trigger, str | None]]:
    """Yield the undeclared triggers of declared tables, with the function's owner if it is SECURITY DEFINER."""
    definers = {(row["schema"], row["table"], row["name"]): row["owner"] for row in snapshot.facts["definer_triggers"]}
    for item in undeclared(snapshot, Trigger):
        if snapshot.is_declared(item.schema, item.table):
            yield item, definers.get((item.schema, item.table, item.name))
