"""The names of a run's databases and logins on the server, which no other databases and logins have."""

from __future__ import annotations

import hashlib
import uuid

__all__ = [
    "LOGINS",
    "PREFIX",
    "RUNS",
    "TEMPLATES",
    "digest",
    "name_database",
    "name_login",
    "name_template",
    "number_in",
]

PREFIX = "tenantry_test_"
# The first keys of the advisory locks: for runs that are alive, and while templates or logins are created.
RUNS, TEMPLATES, LOGINS = 0x74657374, 0x74706C74, 0x6C6F676E

DIGITS = 8


def name_database(run: int) -> str:
    """Return a name that no other database has."""
    return f"{PREFIX}{run:0{DIGITS}x}_{uuid.uuid4().hex[:12]}"


def name_template(run: int, service: str) -> str:
    """Return the name of a service's template, the same in all processes of the run."""
    return f"{PREFIX}{run:0{DIGITS}x}_template_{digest(service)}"


def name_login(run: int, role: str) -> str:
    """Return the name of the login that may SET ROLE to a role."""
    return f"{PREFIX}{run:0{DIGITS}x}_login_{digest(role)}"


def number_in(name: str) -> int:
    """Return the run's number from one of these names."""
    return int(name.removeprefix(PREFIX)[:DIGITS], 16)


def digest(text: str) -> str:
    """Return a short name for a long one."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
