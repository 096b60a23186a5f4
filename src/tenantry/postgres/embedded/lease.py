"""One lease of the embedded server: a shared lock that the kernel gives back if its holder cannot."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tenantry.postgres.embedded.lock import FileLock

__all__ = ["EmbeddedLease"]


class EmbeddedLease:
    """Keeps the server up until it is closed, or until the process that holds it ends."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def close(self) -> None:
        """Give the lease back; the server stops with the last one. Closing twice is harmless."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
