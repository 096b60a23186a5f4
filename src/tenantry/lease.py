"""Keeping the embedded server up for as long as a command works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tenantry.postgres.server import Server
from tenantry.service import Service
from tenantry.settings import DatabaseSettings

__all__ = ["leased"]


@contextmanager
def leased(pairs: Sequence[tuple[Service, DatabaseSettings]]) -> Iterator[Server | None]:
    """Keep the embedded server up, where one of the services runs on it; it is yielded."""
    with ExitStack() as stack:
        servers = [server for service, settings in pairs if (server := service.server(settings)) is not None]
        if servers:
            stack.enter_context(servers[0].lease())
        yield servers[0] if servers else None
