"""The service's three roles: they exist, and row security applies to all but the admin."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Role
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier


@rule(
    "TN311",
    "error",
    reason="The service cannot log in as the role, or migrations cannot grant to it.",
    remedy="Create the role; `tenantry prepare` does so.",
)
def role_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """The service's three roles exist."""
    there = {item.name for item in snapshot.objects if isinstance(item, Role)} | snapshot.roles.keys()
    declared = {item.name: item for item in snapshot.declared if isinstance(item, Role)}
    for name, role in {**declared, **{role.name: role for role in snapshot.service.roles}}.items():
        if name not in there:
            yield violation(f"role {name}", f"The role {name} does not exist.", *role.create())


@rule(
    "TN312",
    "error",
    reason="Policies do not apply to a superuser, and it can read files and run programs.",
    remedy="Alter the role to NOSUPERUSER.",
)
def role_superuser(snapshot: Snapshot) -> Iterator[Violation]:
    """The service's roles are not superusers."""
    for row in _service_roles(snapshot):
        if row["is_superuser"]:
            message = f"{row['name']} is a superuser, so policies do not apply to it."
            yield violation(f"role {row['name']}", message, f"{_alter(row)} NOSUPERUSER")


@rule(
    "TN313",
    "error",
    reason="Every statement of the role sees the rows of all tenants.",
    remedy="Alter the role to NOBYPASSRLS.",
)
def role_bypasses_rls(snapshot: Snapshot) -> Iterator[Violation]:
    """Row security applies to the application and the owner."""
    for row in _service_roles(snapshot):
        if row["bypasses_rls"] and row["name"] != snapshot.service.roles.admin:
            message = f"{row['name']} has BYPASSRLS, so policies do not apply to it."
            yield violation(f"role {row['name']}", message, f"{_alter(row)} NOBYPASSRLS")


@rule(
    "TN314",
    "error",
    reason="By SET ROLE or by inheritance the application gets the rights of that role: the owner's can disable row "
    "security, and those of the admin and of `pg_read_all_data` read more rows.",
    remedy="Revoke the membership.",
)
def role_membership(snapshot: Snapshot) -> Iterator[Violation]:
    """The application is a member of no other role, directly or indirectly."""
    for row in _application(snapshot):
        for other in row["member_of"]:
            # The owner of the database is a member of pg_database_owner; `application_owns` reports that.
            if other == "pg_database_owner":
                continue
            is_direct = other in row["granted"]
            given = ", ".join(identifier(role) for role in ([other] if is_direct else row["granted"]))
            how = "" if is_direct else " through another role"
            message = f"{row['name']} is a member of {other}{how}, and has its rights."
            remedy = f"REVOKE {given} FROM {identifier(row['name'])}"
            yield violation(f"role {row['name']} in {other}", message, remedy)


@rule(
    "TN315",
    "error",
    reason="Without BYPASSRLS the role sees no row, so work across tenants does nothing and raises no error.",
    remedy="Alter the role to BYPASSRLS.",
)
def admin_held(snapshot: Snapshot) -> Iterator[Violation]:
    """The admin role has BYPASSRLS."""
    for row in _service_roles(snapshot):
        if row["name"] == snapshot.service.roles.admin and not (row["bypasses_rls"] or row["is_superuser"]):
            message = f"{row['name']} does not have BYPASSRLS, so work across tenants sees no row."
            yield violation(f"role {row['name']}", message, f"{_alter(row)} BYPASSRLS")


@rule(
    "TN316",
    "warning",
    reason="A login of the owner is one more password with which row security can be disabled.",
    remedy="Alter the role to NOLOGIN, and let a deploy's login become it by SET ROLE.",
)
def owner_logs_in(snapshot: Snapshot) -> Iterator[Violation]:
    """The owner role cannot log in."""
    for row in _service_roles(snapshot):
        if row["name"] == snapshot.service.roles.owner and row["can_login"]:
            message = f"{row['name']} owns the tables, can disable row security, and can log in."
            yield violation(f"role {row['name']}", message, f"{_alter(row)} NOLOGIN")


@rule(
    "TN317",
    "warning",
    reason="With CREATEROLE it can become a member of other roles; with REPLICATION it can read every row in the log. "
    "Both are errors.",
    remedy="Remove the attribute.",
)
def role_attribute(snapshot: Snapshot) -> Iterator[Violation]:
    """The application cannot create roles or databases, and cannot replicate."""
    for row in _application(snapshot):
        for attribute in row["attributes"]:
            message = f"{row['name']} has {attribute}, which it does not need to serve requests."
            severity: Severity = "warning" if attribute == "CREATEDB" else "error"
            remedy = f"{_alter(row)} NO{attribute}"
            yield violation(f"role {row['name']} {attribute}", message, remedy, severity=severity)


@rule(
    "TN324",
    "warning",
    reason="SQL that an attacker runs as the application can use RESET ROLE, and then SET ROLE to the owner or the "
    "admin.",
    remedy="Let the service log in as the application's own role: give it its own address.",
)
def login_escapes(snapshot: Snapshot) -> Iterator[Violation]:
    """The login of the application can become no other role than the application."""
    row = snapshot.roles.get(snapshot.login)
    if row is None:
        return
    application = snapshot.service.roles.application
    held = ["a superuser"] if row["is_superuser"] else []
    held += ["BYPASSRLS"] if row["bypasses_rls"] else []
    held += row["attributes"]
    held += [f"a member of {other}" for other in row["member_of"] if other != application]
    if held:
        listed = ", ".join(held)
        message = (
            f"The service logs in as {row['name']} and uses SET ROLE to become {application}. RESET ROLE undoes it, "
            f"and {row['name']} has more rights: {listed}."
        )
        yield violation(f"role {row['name']}: {listed}", message, f"Log in as {application}, with its own address.")


def _service_roles(snapshot: Snapshot) -> Iterator[Row]:
    """Yield the service's own roles; `login_escapes` checks the login."""
    for row in snapshot.roles.values():
        if row["name"] != snapshot.login:
            yield row


def _application(snapshot: Snapshot) -> Iterator[Row]:
    for row in _service_roles(snapshot):
        if row["name"] == snapshot.service.roles.application:
            yield row


def _alter(row: Row) -> str:
    return f"ALTER ROLE {identifier(row['name'])}"
