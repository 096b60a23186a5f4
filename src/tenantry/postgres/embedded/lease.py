"""A lease of the embedded server: a shared lock, which the kernel releases if its process ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tenantry.postgres.embedded.lock import FileLock

__all__ = ["EmbeddedLease"]


class EmbeddedLease:
    """Keeps the server running until the lease is closed, or until its process ends."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def close(self) -> None:
        """Release the lease; the server stops with the last lease. A second call does nothing."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
