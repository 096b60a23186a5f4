"""The audit: compares a live database with what a service's models declare, without writing to it."""

from tenantry.proof.audit.audit import audit
from tenantry.proof.audit.catalogue import GROUPS, RULES
from tenantry.proof.audit.finding import Finding, Severity
from tenantry.proof.audit.rule import Rule

__all__ = ["GROUPS", "RULES", "Finding", "Rule", "Severity", "audit"]
