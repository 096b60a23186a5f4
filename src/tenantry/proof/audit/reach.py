"""What shows or sends rows besides tables and views: replication, other servers, large objects."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier, literal

__all__ = ["check_reach"]

SHOWN = 3


def check_reach(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield what policies do not hold because it does not pass through a statement of the application."""
    yield from _publications(snapshot)
    for row in snapshot.facts["logical_slots"]:
        message = f"The slot decodes every change of this database with {row['plugin']}, those of all tenants."
        remedy = f"SELECT pg_drop_replication_slot({literal(row['name'])})"
        yield draft("logical_slot", f"replication slot {row['name']}", message, remedy)
    for row in snapshot.facts["subscriptions"]:
        message = "Its worker writes what another server sends, for whatever tenant, past the policies."
        remedy = f"DROP SUBSCRIPTION {identifier(row['name'])}"
        yield draft("subscription", f"subscription {row['name']}", message, remedy)
    for row in snapshot.facts["large_objects"]:
        yield from _large_objects(row["found"], row["open"], snapshot.service.roles.application)
    yield from _foreign(snapshot)


def _publications(snapshot: Snapshot) -> Iterator[Draft]:
    for row in snapshot.facts["publications"]:
        carried = [table for table in sorted(row["tables"]) if snapshot.is_isolated(_key(table))]
        if not carried:
            continue
        listed = ", ".join(carried[:SHOWN]) + (", ..." if len(carried) > SHOWN else "")
        all_of_them = " It is FOR ALL TABLES, those to come too." if row["is_all"] else ""
        message = f"Whoever subscribes is sent the rows of all tenants in {listed}.{all_of_them}"
        remedy = f"DROP PUBLICATION {identifier(row['name'])}"
        yield draft("publication_open", f"publication {row['name']}", message, remedy)


def _key(table: str) -> tuple[str, str]:
    schema, _, name = table.partition(".")
    return schema, name


def _large_objects(found: int, opened: int, application: str) -> Iterator[Draft]:
    if not found:
        return
    severity: Severity = "error" if opened else "warning"
    also = f", and {application} may read {opened} of them" if opened else ""
    message = f"There are {found} large objects, which have no tenant{also}."
    remedy = "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"
    yield draft("large_objects", "large objects", message, remedy, severity=severity)


def _foreign(snapshot: Snapshot) -> Iterator[Draft]:
    application = snapshot.service.roles.application
    for row in snapshot.facts["foreign_access"]:
        name = identifier(row["name"])
        if row["kind"].startswith("MAPPING"):
            whom = "PUBLIC" if row["kind"] == "MAPPING FOR ALL" else identifier(application)
            message = f"{application} logs in to this server by the user mapping for {whom}."
            thing = f"user mapping {row['name']}"
            yield draft("foreign_server_usable", thing, message, f"DROP USER MAPPING FOR {whom} SERVER {name}")
        else:
            message = f"{application} may make foreign tables with it, in any schema that it may create in."
            remedy = f"REVOKE ALL ON {row['kind']} {name} FROM {identifier(application)}, PUBLIC"
            thing = f"{row['kind'].lower().replace('foreign data', 'foreign-data')} {row['name']}"
            yield draft("foreign_server_usable", thing, message, remedy)
