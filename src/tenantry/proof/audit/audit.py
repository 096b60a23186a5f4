"""Compares one database with what a service's models declare.

Safe on a live database: one READ ONLY transaction, no lock above ACCESS SHARE, and no row of a tenant is read. The
catalog is read once; every check is a function of the snapshot that this returns.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry.proof.audit.finding import SEVERITIES, Finding
from tenantry.proof.audit.rule import DATABASE_RULES
from tenantry.proof.audit.snapshot import Snapshot, read_snapshot
from tenantry.proof.audit.superseded import REVISION_CODES, replace_remedies
from tenantry.service import Service

__all__ = ["audit"]


async def audit(connection: AsyncConnection, service: Service, *, login: str = "") -> list[Finding]:
    """Return the findings: a pending revision first, then those of the highest severity.

    The connection's transaction becomes READ ONLY. Its role needs no privilege on a tenant's rows. With SELECT on the
    declared tables, which the owner has, checks and defaults are compared by meaning instead of by text.

    Args:
        connection: to the database, in any role that can read the catalog.
        service: what the database should hold.
        login: the role that the application logs in as, if that is not the application's own role.
    """
    return await connection.run_sync(_audit, service, login)


def _audit(connection: Connection, service: Service, login: str) -> list[Finding]:
    snapshot = read_snapshot(connection, service, login)
    found = replace_remedies(_check(snapshot), snapshot.revisions, service)
    return sorted(found, key=_order)


def _order(one: Finding) -> tuple[bool, int, str, str, str]:
    # A pending revision comes first, because it can explain the others.
    severity = SEVERITIES.index(one.severity)
    return one.code not in REVISION_CODES, severity, one.code, one.object, one.message


def _check(snapshot: Snapshot) -> list[Finding]:
    """Run every check until no question to the server is open.

    A check that compares two expressions is told that they are the same as long as the server has not answered. So all
    checks run, the server answers all their questions in few statements, and all checks run again with the answers.
    """
    while True:
        found = [one for rule in DATABASE_RULES.values() for one in rule.findings(snapshot, snapshot.service.name)]
        if not snapshot.comparison.settle():
            return found
