"""Foreign tables and servers: rows of another database, to which no policy of this one applies."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.relations import revoke_all, undeclared_relations
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier


@rule(
    "TN603",
    "error",
    reason="A foreign table shows the rows that another server shows to the login of the user mapping, and can have no "
    "policy.",
    remedy="Revoke every privilege on the foreign table.",
)
def foreign_table_open(snapshot: Snapshot) -> Iterator[Violation]:
    """The application can reach no foreign table."""
    for row in undeclared_relations(snapshot, "f"):
        if row["is_reachable"]:
            application = snapshot.service.roles.application
            message = f"{application} can reach the foreign table, and no policy of this database applies to its rows."
            yield violation(f"foreign table {row['schema']}.{row['name']}", message, revoke_all(row, snapshot))


@rule(
    "TN609",
    "error",
    reason="It can create foreign tables that log in to other databases, or to this one, as another role.",
    remedy="Revoke USAGE, and drop the user mapping.",
)
def foreign_server_usable(snapshot: Snapshot) -> Iterator[Violation]:
    """The application may use no foreign server and no foreign-data wrapper, and has no user mapping."""
    application = snapshot.service.roles.application
    for row in snapshot.facts["foreign_access"]:
        name = identifier(row["name"])
        if row["kind"].startswith("MAPPING"):
            user = "PUBLIC" if row["kind"] == "MAPPING FOR ALL" else identifier(application)
            message = f"{application} can log in to this server by the user mapping for {user}."
            yield violation(f"user mapping {row['name']}", message, f"DROP USER MAPPING FOR {user} SERVER {name}")
        else:
            message = f"{application} may create foreign tables with it, in any schema in which it may create objects."
            remedy = f"REVOKE ALL ON {row['kind']} {name} FROM {identifier(application)}, PUBLIC"
            thing = f"{row['kind'].lower().replace('foreign data', 'foreign-data')} {row['name']}"
            yield violation(thing, message, remedy)
