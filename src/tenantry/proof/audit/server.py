"""The server itself: whether it has the fixes of the known holes in row security."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Snapshot

__all__ = ["FIXES", "FLOORS", "check_server", "open_holes"]

# The minor release of each major one that closed it; a major release that is not named never had it, or is older than
# any that is mended (postgresql.org/support/security).
FIXES = {
    # A policy that depends on the role was planned for another one, after inlining.
    "CVE-2023-2455": {13: 11, 14: 8, 15: 3},
    # pg_stats_ext showed common values of hidden rows.
    "CVE-2024-4317": {14: 12, 15: 7, 16: 3},
    # A policy below a sub-select, a CTE or a view was planned for another role.
    "CVE-2024-10976": {13: 17, 14: 14, 15: 9, 16: 5, 17: 1},
    # A leaky operator saw the statistics of rows that a view or a policy hides.
    "CVE-2025-8713": {13: 22, 14: 19, 15: 14, 16: 10, 17: 6},
}

# The first minor release of each major one in which all of them are closed.
FLOORS = {
    major: max(minors.get(major, 0) for minors in FIXES.values())
    for major in sorted({major for minors in FIXES.values() for major in minors})
}


def open_holes(major: int, minor: int) -> list[str]:
    """Return the holes that a release has; all of them if it is older than any that was mended."""
    return [name for name, minors in FIXES.items() if major < min(FLOORS) or minor < minors.get(major, 0)]


def check_server(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the finding that the server's minor release is too old."""
    major, minor = divmod(snapshot.version, 10000)
    holes = open_holes(major, minor)
    if holes:
        floor = FLOORS.get(major, 0)
        message = f"PostgreSQL {major}.{minor} has known holes in row security: {', '.join(holes)}."
        remedy = f"Update to {major}.{floor} or later." if floor else f"Update to {max(FLOORS)} or later."
        yield draft("server_outdated", "server", message, remedy)
