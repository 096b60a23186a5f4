"""The three roles: whether row security holds those whom it should hold, and lets through the one that it should."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Role
from tenantry.postgres.roles import Roles
from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier

__all__ = ["check_roles"]


def check_roles(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield roles that are absent or have an attribute that they should not have."""
    roles = snapshot.service.roles
    there = {item.name for item in snapshot.objects if isinstance(item, Role)} | snapshot.roles.keys()
    declared = {item.name: item for item in snapshot.declared if isinstance(item, Role)}
    for name, role in {**declared, **{role.name: role for role in roles}}.items():
        if name not in there:
            yield draft("role_missing", f"role {name}", f"The role {name} does not exist.", *role.create())
    for row in snapshot.roles.values():
        if row["name"] != snapshot.login:
            yield from _attributes(row, roles)
    yield from _login(snapshot)


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
            # Who owns the database is a member of pg_database_owner by that; it is found as what the application owns.
            if other == "pg_database_owner":
                continue
            is_direct = other in row["granted"]
            given = ", ".join(identifier(role) for role in ([other] if is_direct else row["granted"]))
            message = f"{name} is a member of {other}{'' if is_direct else ' by way of another'}, and has its rights."
            yield draft("role_membership", f"{thing} in {other}", message, f"REVOKE {given} FROM {identifier(name)}")
        for attribute in row["attributes"]:
            message = f"{name} has {attribute}, which serving requests does not need."
            severity: Severity = "warning" if attribute == "CREATEDB" else "error"
            yield draft("role_attribute", f"{thing} {attribute}", message, f"{alter} NO{attribute}", severity=severity)


def _login(snapshot: Snapshot) -> Iterator[Draft]:
    """Look at the login behind the application: RESET ROLE leads back to it, from wherever SQL is run."""
    row = snapshot.roles.get(snapshot.login)
    if row is None:
        return
    application = snapshot.service.roles.application
    held = ["a superuser"] if row["is_superuser"] else []
    held += ["BYPASSRLS"] if row["bypasses_rls"] else []
    held += row["attributes"]
    held += [f"a member of {other}" for other in row["member_of"] if other != application]
    if held:
        message = f"{application} is taken on by {row['name']}, which RESET ROLE gives back: {', '.join(held)}."
        remedy = f"Log in as {application}, by an address of its own."
        yield draft("login_escapes", f"role {row['name']}: {', '.join(held)}", message, remedy)
