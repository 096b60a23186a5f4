"""The tenant of the work that is running, for logs and traces.

It only tells; nothing is decided by it. What a statement may see is decided by the session that sends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["current_tenant", "telling"]

_tenant: ContextVar[str | None] = ContextVar("tenantry_tenant", default=None)


def current_tenant() -> str | None:
    """Return the tenant of the innermost unit of work of this task, or None."""
    return _tenant.get()


@contextmanager
def telling(tenant: str | None) -> Iterator[None]:
    """Name `tenant` in the logs of everything that runs inside."""
    token = _tenant.set(tenant)
    try:
        yield
    finally:
        _tenant.reset(token)
