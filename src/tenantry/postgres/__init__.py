"""Floor 2: one PostgreSQL server and its connections, without tenants."""

from __future__ import annotations

from tenantry.postgres.binaries import Binaries, find_binaries
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.remote import RemoteServer
from tenantry.postgres.server import Lease, Server, ServerStatus

__all__ = ["Binaries", "EmbeddedServer", "Lease", "RemoteServer", "Server", "ServerStatus", "find_binaries"]
