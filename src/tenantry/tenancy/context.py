"""The tenant of the current unit of work, for logs and traces.

It has no effect on isolation: the session determines what a statement may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

__all__ = ["current_tenant", "log_tenant"]

_tenant: ContextVar[str | None] = ContextVar("tenantry_tenant", default=None)


def current_tenant() -> str | None:
    """Return the tenant of the innermost unit of work of this task, or None."""
    return _tenant.get()


@contextmanager
def log_tenant(tenant: str | None) -> Iterator[None]:
    """Name `tenant` in the logs of the block."""
    token = _tenant.set(tenant)
    try:
        yield
    finally:
        # The event loop closes an abandoned asynchronous generator in another context, which never had this value.
        with suppress(ValueError):
            _tenant.reset(token)
