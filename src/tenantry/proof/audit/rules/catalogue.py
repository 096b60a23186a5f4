"""All rules by name, in the order of their codes."""

from __future__ import annotations

from tenantry.proof.audit.rules.privileges import PRIVILEGES
from tenantry.proof.audit.rules.reach import REACH, SERVER
from tenantry.proof.audit.rules.revision import REVISION
from tenantry.proof.audit.rules.roles import ROLES
from tenantry.proof.audit.rules.routines import ROUTINES
from tenantry.proof.audit.rules.row_security import ROW_SECURITY
from tenantry.proof.audit.rules.tables import TABLES
from tenantry.proof.audit.rules.waivers import WAIVERS

__all__ = ["GROUPS", "RULES"]

# The title of each hundred, for the reference.
GROUPS = {
    "Row security": ROW_SECURITY,
    "Privileges": PRIVILEGES,
    "Functions, triggers and operators": ROUTINES,
    "Extensions and roles": ROLES,
    "Tables, columns and keys": TABLES,
    "Revision, and the audit itself": REVISION,
    "What else shows or sends rows": REACH,
    "The server": SERVER,
    "Waivers": WAIVERS,
}

RULES = {rule.name: rule for rules in GROUPS.values() for rule in rules}
