"""Known security holes in row security, and the releases of PostgreSQL that fix them."""

from __future__ import annotations

__all__ = ["FIXES", "FLOORS", "open_holes"]

# The minor release of each major one that fixed it. A major release that is missing here never had the hole, or is
# older than the releases that got a fix (postgresql.org/support/security).
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

# The first minor release of each major one that has all fixes.
FLOORS = {
    major: max(minors.get(major, 0) for minors in FIXES.values())
    for major in sorted({major for minors in FIXES.values() for major in minors})
}


def open_holes(major: int, minor: int) -> list[str]:
    """Return the holes of a release; all of them if it is older than the releases that got a fix."""
    return [name for name, minors in FIXES.items() if major < min(FLOORS) or minor < minors.get(major, 0)]
