"""The server itself: whether it has the fixes of the known holes in row security."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Snapshot

__all__ = ["FLOORS", "check_server"]

# The first minor release of each major one in which CVE-2024-10976 (row security in subqueries and roles) and
# CVE-2025-8713 (statistics show hidden rows) are both closed (postgresql.org/support/security).
FLOORS = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}


def check_server(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the finding that the server's minor release is too old."""
    major, minor = divmod(snapshot.version, 10000)
    floor = FLOORS.get(major, 0)
    if minor < floor or major < min(FLOORS):
        message = f"PostgreSQL {major}.{minor} has known holes in row security (CVE-2024-10976, CVE-2025-8713)."
        remedy = f"Update to {major}.{floor} or later." if floor else f"Update to {max(FLOORS)} or later."
        yield draft("server_outdated", "server", message, remedy)
