"""The three roles: whether row security holds those whom it should hold, and lets through the one that it should."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Role
from tenantry.postgres.roles import Roles
from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier
from tenantry.tenancy.declarations import tenancy_of

__all__ = ["check_roles"]


def check_roles(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield roles that are absent or have an attribute that they should not have."""
    roles = snapshot.service.roles
    there = {item.name for item in snapshot.objects if isinstance(item, Role)} | snapshot.roles.keys()
    declared = {item.name: item for item in snapshot.service.declared_objects() if isinstance(item, Role)}
    for name, role in {**declared, **{role.name: role for role in roles}}.items():
        if name not in there:
            yield draft("role_missing", f"role {name}", f"The role {name} does not exist.", *role.create())
    for row in snapshot.roles.values():
        yield from _attributes(row, roles)
    yield from _presets(snapshot)


def _attributes(row: Row, roles: Roles) -> Iterator[Draft]:
    name, thing = row["name"], f"role {row['name']}"
    alter = f"ALTER ROLE {identifier(name)}"
    if row["is_superuser"]:
        message = f"{name} is a superuser: no policy holds it."
        yield draft("role_superuser", thing, message, f"{alter} NOSUPERUSER")
    if row["bypasses_rls"] and name != roles.admin:
        message = f"{name} has BYPASSRLS: no policy holds it."
        yield draft("role_bypasses_rls", thing, message, f"{alter} NOBYPASSRLS")
    if name == roles.admin and not (row["bypasses_rls"] or row["is_superuser"]):
        message = f"{name} has no BYPASSRLS: work across tenants would see no row."
        yield draft("admin_held", thing, message, f"{alter} BYPASSRLS")
    if name == roles.owner and row["can_login"]:
        message = f"{name} owns the tables and can log in; the owner may switch row security off."
        yield draft("owner_logs_in", thing, message, f"{alter} NOLOGIN")
    if name == roles.application:
        for other in row["member_of"]:
            message = f"{name} is a member of {other}, and may take on its rights."
            yield draft("role_membership", thing, message, f"REVOKE {identifier(other)} FROM {identifier(name)}")
        for attribute in row["attributes"]:
            message = f"{name} has {attribute}, which serving requests does not need."
            yield draft("role_attribute", thing, message, f"{alter} NO{attribute}")


def _presets(snapshot: Snapshot) -> Iterator[Draft]:
    setting = tenancy_of(snapshot.service.metadata).setting
    for row in snapshot.presets:
        within = f" IN DATABASE {identifier(row['database'])}" if row["database"] else ""
        who = f"ROLE {identifier(row['role'])}{within}" if row["role"] else f"DATABASE {identifier(row['database'])}"
        thing = f"role {row['role']}" if row["role"] else f"database {row['database']}"
        message = f"{setting} is preset: a session without a tenant would read one tenant's rows."
        yield draft("tenant_preset", thing, message, f"ALTER {who} RESET {setting}")
