"""Privileges on the declared tables and sequences: each role has the declared ones and no other.

Privileges to which no policy applies, such as TRUNCATE, have a rule each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tenantry.postgres.objects import PUBLIC, Grant, Sequence
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.grants import extra_grants, lacking_grants
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Key, Snapshot
from tenantry.sql import identifier


@rule(
    "TN101",
    "error",
    reason="Requests that need the privilege fail.",
    remedy="Grant the privilege.",
)
def grant_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared privilege is granted."""
    sequences = {(item.schema, item.name) for item in snapshot.objects if isinstance(item, Sequence)}
    schemas = {(row["schema"], row["schema"]) for row in snapshot.facts["schemas"]}
    # Another rule reports a missing table, also for its schema, or a missing sequence.
    existing: dict[str, Collection[Key]] = {
        "TABLE": snapshot.relations,
        "SEQUENCE": sequences,
        "SCHEMA": schemas,
    }
    for grant in lacking_grants(snapshot):
        key = (grant.schema, grant.name)
        if key in existing.get(grant.kind, {key}):
            message = f"{grant.role} does not have {', '.join(grant.privileges)}, which the models declare."
            yield violation(grant.place, message, *grant.create())


@rule(
    "TN102",
    "error",
    reason="SQL that an attacker runs as the application can do what no code of the service does.",
    remedy="Revoke the privilege, or declare it in the model's `__privileges__`.",
)
def grant_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared privilege is granted."""
    for grant in extra_grants(snapshot, unprotected=False):
        if grant.role == PUBLIC:
            continue
        severity: Severity = "error" if grant.role == snapshot.service.roles.application else "warning"
        if grant.kind == "SEQUENCE":
            # A sequence has no rows of a tenant; TN420 reports what its numbers reveal.
            severity = "info"
        message = f"{grant.role} has {', '.join(grant.privileges)}, which no model declares."
        yield violation(grant.label, message, *grant.drop(), severity=severity)


@rule(
    "TN103",
    "error",
    reason="PUBLIC is every role of the cluster, including the roles of other services.",
    remedy="Revoke the privilege from PUBLIC.",
)
def grant_to_public(snapshot: Snapshot) -> Iterator[Violation]:
    """PUBLIC has no privilege on a table, a sequence or a column."""
    for grant in extra_grants(snapshot, unprotected=False):
        if grant.role == PUBLIC:
            message = f"PUBLIC, which is every role, has {', '.join(grant.privileges)}."
            yield violation(grant.label, message, *grant.drop())


@rule(
    "TN104",
    "error",
    reason="TRUNCATE ignores policies: one statement empties the table for every tenant.",
    remedy="Revoke TRUNCATE. Grant SELECT, INSERT, UPDATE and DELETE by name instead of ALL.",
)
def truncate_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC may TRUNCATE."""
    yield from _unprotected(
        snapshot, "TRUNCATE", "it empties the table for every tenant, because policies do not apply"
    )


@rule(
    "TN105",
    "error",
    reason="It can give the rows to a role that has no policy, or that policies do not apply to.",
    remedy="Revoke the grant option.",
)
def grant_option(snapshot: Snapshot) -> Iterator[Violation]:
    """The application cannot grant its privileges to other roles."""
    application = snapshot.service.roles.application
    for item in snapshot.objects - snapshot.declared:
        if isinstance(item, Grant) and item.grantable and item.role == application:
            column = f" ({identifier(item.column)})" if item.column else ""
            listed = ", ".join(f"{privilege}{column}" for privilege in item.privileges)
            remedy = f"REVOKE GRANT OPTION FOR {listed} ON {item.address} FROM {identifier(application)}"
            message = f"{application} may grant {', '.join(item.privileges)} to other roles."
            yield violation(item.label, message, remedy)


@rule(
    "TN110",
    "error",
    reason="PostgreSQL checks foreign keys without policies, so a table with a foreign key reveals the keys of other "
    "tenants.",
    remedy="Revoke REFERENCES.",
)
def references_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC has REFERENCES."""
    yield from _unprotected(snapshot, "REFERENCES", "a foreign key reveals the keys of all tenants")


@rule(
    "TN111",
    "error",
    reason="A trigger runs in the statements of every role that writes, including the admin and the owner.",
    remedy="Revoke TRIGGER.",
)
def trigger_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC has TRIGGER."""
    yield from _unprotected(
        snapshot, "TRIGGER", "a trigger's function runs in the statements of every role that writes"
    )


@rule(
    "TN112",
    "error",
    reason="LOCK TABLE, CLUSTER and REINDEX block the statements of every tenant.",
    remedy="Revoke MAINTAIN.",
)
def maintain_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC has MAINTAIN (PostgreSQL 17 and later)."""
    yield from _unprotected(snapshot, "MAINTAIN", "LOCK TABLE and REINDEX block every tenant")


def _unprotected(snapshot: Snapshot, privilege: str, effect: str) -> Iterator[Violation]:
    for grant in extra_grants(snapshot, unprotected=True):
        if privilege in grant.privileges:
            one = Grant(grant.role, (privilege,), grant.name, grant.kind, grant.schema)
            yield violation(one.label, f"{grant.role} has {privilege}: {effect}.", *one.drop())
