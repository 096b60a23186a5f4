"""Replaces the remedies of differences that a migration or a revision explains.

While a revision is pending, or the database has a newer one, or a model was changed without a revision, SQL that adapts
the database to the models is wrong: it drops columns that a rename would keep, and the next migration fails on it.
"""

from __future__ import annotations

import dataclasses

from tenantry.migrations.fingerprint import fingerprint
from tenantry.proof.audit.finding import Finding
from tenantry.proof.audit.revision import Revisions
from tenantry.service import Service

__all__ = ["REVISION_CODES", "explained_remedy", "replace_remedies"]

REVISION_CODES = ("TN501", "TN502")

# The rules about what the models declare, which revisions create: row security, policies and partitions, grants on
# tables, functions and triggers, extensions, and the tables themselves. Not those about an index that is being built,
# about logged tables, and about who owns what.
_GROUPS = ("TN00", "TN01", "TN02", "TN20", "TN30", "TN40", "TN41", "TN42", "TN44")
_ALSO = ("TN101", "TN102", "TN103", "TN104", "TN105")
_NEVER = ("TN410", "TN417")


def replace_remedies(findings: list[Finding], revisions: Revisions, service: Service) -> list[Finding]:
    """Return the findings, those about declared objects with the command that brings models and database together."""
    remedy = explained_remedy(revisions, service)
    if remedy is None:
        return findings
    return [dataclasses.replace(one, remedy=remedy) if _is_declared(one.code) else one for one in findings]


def explained_remedy(revisions: Revisions, service: Service) -> str | None:
    """Return the remedy of all differences together; None if each has its own."""
    if revisions.unknown:
        return "Deploy the build that migrated the database: a newer revision explains the difference."
    if not revisions.is_readable:
        return None
    if len(revisions.expected) > 1:
        return f"tenantry merge --service {service.name}"
    if revisions.expected != revisions.found:
        return f"tenantry migrate --service {service.name}"
    is_changed = not revisions.expected or revisions.models not in (None, fingerprint(service))
    return f'tenantry revision --service {service.name} -m "..."' if is_changed else None


def _is_declared(code: str) -> bool:
    return (code.startswith(_GROUPS) or code in _ALSO) and code not in _NEVER
