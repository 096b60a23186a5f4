"""Owners: the tables belong to the owner role, and the application owns no object."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import as_printed, identifier, qualified


@rule(
    "TN109",
    "warning",
    reason="A table's owner can disable row security. If the application is the owner, which is an error, it needs one "
    "statement to see all rows.",
    remedy="Make the owner role the owner of the table.",
)
def owner_differs(snapshot: Snapshot) -> Iterator[Violation]:
    """Every table belongs to the owner role."""
    roles = snapshot.service.roles
    for key in snapshot.tables:
        row = snapshot.relations.get(key)
        if row is not None and row["owner"] != roles.owner:
            message = f"The table belongs to {row['owner']}, not to {roles.owner}."
            severity: Severity = "error" if row["owner"] == roles.application else "warning"
            remedy = f"ALTER TABLE {qualified(*key)} OWNER TO {identifier(roles.owner)}"
            yield violation(f"table {'.'.join(key)}", message, remedy, severity=severity)


@rule(
    "TN115",
    "error",
    reason="An owner can alter and replace its objects; a trigger's function, for example, runs in the admin's "
    "statements.",
    remedy="Make the owner role the owner of the object.",
)
def application_owns(snapshot: Snapshot) -> Iterator[Violation]:
    """The application owns no object."""
    roles = snapshot.service.roles
    # `owner_differs` reports the declared tables.
    tables = {".".join(map(as_printed, key)) for key in snapshot.tables}
    for row in snapshot.facts["owned"]:
        if row["kind"] != "table" or row["name"] not in tables:
            message = f"The {row['kind']} belongs to {roles.application}, which can alter and replace it."
            remedy = f"ALTER {row['kind'].upper()} {row['name']} OWNER TO {identifier(roles.owner)}"
            yield violation(f"{row['kind']} {row['name']}", message, remedy)
