"""Enums and domains: the types that columns are declared with."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Domain, Enum
from tenantry.proof.audit.differences import altered, describe_difference, missing
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot

_REVISION = "Run `tenantry revision`, which writes the change."


@rule(
    "TN442",
    "error",
    reason="The columns of the type cannot be created.",
    remedy="Run `tenantry migrate`.",
)
def type_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared enum and domain exists."""
    for item in (*missing(snapshot, Enum), *missing(snapshot, Domain)):
        yield violation(item, "The type is declared and does not exist.", *item.create())


@rule(
    "TN443",
    "error",
    reason="The database refuses a value that the models allow, or accepts a value that they do not allow.",
    remedy=_REVISION,
)
def type_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared enum and domain has the declared values, default and checks."""
    for enum, known in altered(snapshot, Enum):
        statements = enum.additions(known) if enum.has_all_of(known) else [_REVISION]
        yield violation(enum, f"The enum was altered: {describe_difference(enum, known)}.", *statements)
    for domain, found in altered(snapshot, Domain):
        message = f"The domain was altered: {describe_difference(domain, found)}."
        is_possible = (domain.data_type, domain.collation) == (found.data_type, found.collation)
        yield violation(domain, message, *(found.changes_to(domain) if is_possible else [_REVISION]))
