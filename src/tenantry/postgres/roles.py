"""The roles of a service: their names, what the role of a session may do, and how they come to be."""

from tenantry.postgres.role_facts import ROLE_FACTS, RoleFacts, check_safe, fetch_role, read_role
from tenantry.postgres.role_names import Roles
from tenantry.postgres.role_setup import ensure_owner, ensure_roles

__all__ = [
    "ROLE_FACTS",
    "RoleFacts",
    "Roles",
    "check_safe",
    "ensure_owner",
    "ensure_roles",
    "fetch_role",
    "read_role",
]
