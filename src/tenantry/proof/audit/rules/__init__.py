"""The catalogue of the audit: every rule, a module for each hundred of codes."""

from tenantry.proof.audit.rules.catalogue import GROUPS, RULES
from tenantry.proof.audit.rules.rule import Rule, Severity

__all__ = ["GROUPS", "RULES", "Rule", "Severity"]
