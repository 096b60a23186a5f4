"""TN5xx: the schema's revision, and the audit itself."""

from __future__ import annotations

from tenantry.proof.audit.rules.rule import Rule

__all__ = ["REVISION"]

REVISION = (
    Rule(
        "TN501",
        "revision_behind",
        "error",
        "The schema is at the revision that this build expects.",
        "The code meets tables of another time.",
        "Run `tenantry migrate`.",
    ),
    Rule(
        "TN502",
        "revision_unknown",
        "error",
        "The schema's revision is one that this build knows.",
        "A newer build has migrated the database, and this one does not know to what.",
        "Deploy the build that migrated it.",
    ),
    Rule(
        "TN503",
        "not_compared",
        "warning",
        "The audit's role may read all that is compared.",
        "What was not read may be wrong.",
        "Audit in the role of the owner, or grant the audit's role SELECT on what is named.",
    ),
)
