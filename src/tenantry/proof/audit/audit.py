"""Looks at one database and says where it differs from what a service's models declare.

Safe on a live database: one READ ONLY transaction, no lock above ACCESS SHARE, no row of a tenant is read. What the
catalog holds is read once; every check is a function of that.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry.proof.audit.columns import check_columns
from tenantry.proof.audit.constraints import check_constraints
from tenantry.proof.audit.finding import Draft, Finding, draft
from tenantry.proof.audit.indexes import check_indexes
from tenantry.proof.audit.objects import check_objects
from tenantry.proof.audit.presets import check_presets
from tenantry.proof.audit.privileges import check_privileges
from tenantry.proof.audit.reach import check_reach
from tenantry.proof.audit.references import check_references
from tenantry.proof.audit.relations import check_relations
from tenantry.proof.audit.revision import check_revision
from tenantry.proof.audit.roles import check_roles
from tenantry.proof.audit.routines import check_routines
from tenantry.proof.audit.sequences import check_sequences
from tenantry.proof.audit.server import check_server
from tenantry.proof.audit.snapshot import Snapshot, read_snapshot
from tenantry.proof.audit.surroundings import check_surroundings
from tenantry.service import Service

__all__ = ["audit"]

# These ask what only the server can answer, and run again once it has.
_ASKING = (check_columns, check_indexes, check_constraints)

_CHECKS = (
    check_objects,
    check_privileges,
    check_surroundings,
    check_roles,
    check_presets,
    check_relations,
    check_references,
    check_routines,
    check_sequences,
    check_reach,
    check_revision,
    check_server,
)

_ORDER = ("error", "warning", "info")


async def audit(connection: AsyncConnection, service: Service, *, login: str = "") -> list[Finding]:
    """Return the findings, the gravest first.

    The connection's transaction becomes READ ONLY. Its role needs no privilege on a tenant's rows, but SELECT on the
    declared tables lets checks and defaults be compared by meaning instead of by text; the owner has it.

    Args:
        connection: to the database, in whatever role looks at it.
        service: what the database should hold.
        login: the role that the application logs in as, where that is another than the application's.
    """
    return await connection.run_sync(_audit, service, login)


def _audit(connection: Connection, service: Service, login: str) -> list[Finding]:
    snapshot = read_snapshot(connection, service, login)
    found = [
        Finding(item.rule.code, item.severity, service.name, item.object, item.message, item.remedy)
        for item in _look(snapshot)
    ]
    return sorted(found, key=lambda item: (_ORDER.index(item.severity), item.code, item.object, item.message))


def _look(snapshot: Snapshot) -> list[Draft]:
    asking = [item for check in _ASKING for item in check(snapshot)]
    if snapshot.comparison.settle():
        asking = [item for check in _ASKING for item in check(snapshot)]
    unread = [
        draft(
            "not_compared",
            f"catalog {name}",
            f"What the statement {name!r} asks was not looked at: the audit's role may not read it.",
            "Audit in the role of the owner, or grant SELECT on the system's catalog, which every new server gives.",
        )
        for name in snapshot.unread
    ]
    return [*asking, *(item for check in _CHECKS for item in check(snapshot)), *unread]
