"""The audit: a read-only look at a live database, compared with what a service's models declare."""

from tenantry.proof.audit.audit import audit
from tenantry.proof.audit.finding import RULES, Finding, Rule, Severity

__all__ = ["RULES", "Finding", "Rule", "Severity", "audit"]
