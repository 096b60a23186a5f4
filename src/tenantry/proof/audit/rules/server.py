"""The server itself: its release, and its configuration."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.dangerous import DANGEROUS_SETTINGS
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.server import FLOORS, open_holes
from tenantry.proof.audit.snapshot import Snapshot


@rule(
    "TN701",
    "warning",
    reason="The finding names the CVEs that are open.",
    remedy="Update to the minor release that the finding names.",
)
def server_outdated(snapshot: Snapshot) -> Iterator[Violation]:
    """The server has the fixes of known security holes in row security."""
    major, minor = divmod(snapshot.version, 10000)
    holes = open_holes(major, minor)
    if holes:
        floor = FLOORS.get(major, 0)
        message = f"PostgreSQL {major}.{minor} has known security holes in row security: {', '.join(holes)}."
        remedy = f"Update to {major}.{floor} or later." if floor else f"Update to {max(FLOORS)} or later."
        yield violation("server", message, remedy)


@rule(
    "TN702",
    "warning",
    reason="`session_replication_role` switches triggers and foreign keys off, `row_security` the filter of policies, "
    "`lo_compat_privileges` the privileges of large objects, and `allow_system_table_mods` the protection of the "
    "catalog.",
    remedy="Reset the setting, and reload the configuration.",
)
def server_setting(snapshot: Snapshot) -> Iterator[Violation]:
    """The server's configuration switches no protection off."""
    for row in snapshot.facts["server_settings"]:
        name = row["name"]
        message = f"{name} is {row['value']} for every session: {DANGEROUS_SETTINGS[name]}."
        yield violation(f"server setting {name}", message, f"ALTER SYSTEM RESET {name}")
