"""The environment of the server's own programs: nothing of the caller's that could change what they do."""

from __future__ import annotations

import os

__all__ = ["server_environment"]

# Where the programs and the libraries of a relocated installation are.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def server_environment() -> dict[str, str]:
    """Return it: PGDATA, PGPORT and other languages stay outside, so that logs can be read by everybody."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
