"""The environment of the server's programs, without variables of the caller that change their behaviour."""

from __future__ import annotations

import os

__all__ = ["server_environment"]

# The paths of programs and libraries of a relocated installation.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def server_environment() -> dict[str, str]:
    """Return the environment, without PGDATA, PGPORT and the caller's language, so that logs are in English."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
