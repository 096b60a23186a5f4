"""Looks at one database and says where it differs from what a service's models declare.

Safe on a live database: one READ ONLY transaction, no lock above ACCESS SHARE, no row of a tenant is read. What the
catalog holds is read once; every check is a function of that.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry.proof.audit.columns import check_columns
from tenantry.proof.audit.constraints import check_constraints
from tenantry.proof.audit.finding import Finding
from tenantry.proof.audit.indexes import check_indexes
from tenantry.proof.audit.objects import check_objects
from tenantry.proof.audit.privileges import check_privileges
from tenantry.proof.audit.relations import check_relations
from tenantry.proof.audit.revision import check_revision
from tenantry.proof.audit.roles import check_roles
from tenantry.proof.audit.server import check_server
from tenantry.proof.audit.snapshot import read_snapshot
from tenantry.service import Service

__all__ = ["audit"]

_CHECKS = (
    check_objects,
    check_privileges,
    check_roles,
    check_relations,
    check_columns,
    check_indexes,
    check_constraints,
    check_revision,
    check_server,
)

_ORDER = ("error", "warning", "info")


async def audit(connection: AsyncConnection, service: Service) -> list[Finding]:
    """Return the findings, the gravest first.

    The connection's transaction becomes READ ONLY. Its role needs no privilege on a tenant's rows, but SELECT on the
    declared tables lets checks and defaults be compared by meaning instead of by text; the owner has it.
    """
    return await connection.run_sync(_audit, service)


def _audit(connection: Connection, service: Service) -> list[Finding]:
    snapshot = read_snapshot(connection, service)
    found = [
        Finding(item.rule.code, item.severity, service.name, item.object, item.message, item.remedy)
        for check in _CHECKS
        for item in check(snapshot)
    ]
    return sorted(found, key=lambda item: (_ORDER.index(item.severity), item.code, item.object, item.message))
