"""Comments that the service declares."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Comment
from tenantry.proof.audit.differences import altered, missing
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot


@rule(
    "TN612",
    "info",
    reason="Readers of the catalog are told something else.",
    remedy="Set the declared comment.",
)
def comment_differs(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared comment is set as declared."""
    for item in (*missing(snapshot, Comment), *(item for item, _ in altered(snapshot, Comment))):
        yield violation(item, "The comment is not as declared.", *item.create())
