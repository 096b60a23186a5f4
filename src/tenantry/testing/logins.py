"""The logins of the code under test, which works in the service's roles and never as an administrator.

The embedded server lets every role log in without a password. On a user's own server a role may have a password that
the plugin does not know and must not change. There each run has its own logins, which may only SET ROLE to their role.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from tenantry.postgres.roles import Roles
from tenantry.sql import identifier, literal
from tenantry.testing.names import name_login

if TYPE_CHECKING:
    from tenantry.postgres.endpoint import Purpose
    from tenantry.testing.administrator import Administrator
    from tenantry.testing.pytest_run import Run

__all__ = ["ensure_logins", "name_logins"]

FIND = "SELECT FROM pg_roles WHERE rolname = $1"


def name_logins(roles: Roles, run: Run, *, is_ours: bool) -> Mapping[Purpose, tuple[str, SecretStr | None]]:
    """Return the login of the application and of the admin; migrations log in as the administrator."""
    wanted: dict[Purpose, str] = {"application": roles.application, "admin": roles.admin}
    if is_ours:
        return {purpose: (role, None) for purpose, role in wanted.items()}
    return {purpose: (name_login(run.number, role), _password(run, role)) for purpose, role in wanted.items()}


def ensure_logins(administrator: Administrator, roles: Roles, run: Run) -> None:
    """Create the missing logins of this run. The caller holds the lock that keeps other workers from doing so."""
    for role in (roles.application, roles.admin):
        name = name_login(run.number, role)
        if not administrator.fetch(FIND, name):
            password = literal(_password(run, role).get_secret_value())
            # With NOINHERIT the login has no right of the role before SET ROLE.
            administrator.execute(f"CREATE ROLE {identifier(name)} LOGIN NOINHERIT PASSWORD {password}")
            administrator.execute(f"GRANT {identifier(role)} TO {identifier(name)}")
            # A login that is no superuser needs the membership to end a session that a test left open.
            administrator.execute(f"GRANT {identifier(name)} TO SESSION_USER")


def _password(run: Run, role: str) -> SecretStr:
    return SecretStr(hashlib.sha256(f"{run.secret} {role}".encode()).hexdigest())
