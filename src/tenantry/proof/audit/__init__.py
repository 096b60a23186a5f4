"""The audit: a read-only look at a live database, compared with what a service's models declare."""

from tenantry.proof.audit.audit import audit
from tenantry.proof.audit.finding import Finding
from tenantry.proof.audit.rules import GROUPS, RULES, Rule, Severity

__all__ = ["GROUPS", "RULES", "Finding", "Rule", "Severity", "audit"]
