"""Row security of the declared tables."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import RowSecurity
from tenantry.proof.audit.differences import altered, missing, undeclared
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot


@rule(
    "TN001",
    "error",
    reason="Without row security PostgreSQL ignores the policies: every tenant reads and writes the rows of all "
    "tenants.",
    remedy="Enable and force row security on the table.",
)
def rls_disabled(snapshot: Snapshot) -> Iterator[Violation]:
    """Row security is enabled on every table that holds tenants' rows."""
    disabled = [item for item, found in altered(snapshot, RowSecurity) if not found.enabled]
    # A table without either flag has no such object.
    for item in (*missing(snapshot, RowSecurity), *disabled):
        message = "Row security is disabled: every role with a privilege on the table sees the rows of all tenants."
        yield violation(_table(item), message, *item.create())


@rule(
    "TN002",
    "error",
    reason="A statement that runs as the owner, for example in a function or a view, sees the rows of all tenants.",
    remedy="Force row security on the table.",
)
def rls_not_forced(snapshot: Snapshot) -> Iterator[Violation]:
    """Row security is forced on every table that holds tenants' rows, so that it applies to the owner too."""
    for item, found in altered(snapshot, RowSecurity):
        if found.enabled:
            message = "Row security is not forced: it does not apply to the owner of the table."
            yield violation(_table(item), message, *item.create())


@rule(
    "TN003",
    "warning",
    reason="Row security hides rows that every tenant should see, or the table holds tenants' rows and no model says "
    "so.",
    remedy="Declare the table as `TenantScoped`, or disable row security on it.",
)
def rls_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No declared table without rows of tenants has row security."""
    for item in undeclared(snapshot, RowSecurity):
        if (item.schema, item.table) in snapshot.tables:
            message = "Row security is enabled on a table whose model does not declare it as a tenant's."
            yield violation(_table(item), message, *item.drop())


def _table(item: RowSecurity) -> str:
    return f"table {item.schema}.{item.table}"
