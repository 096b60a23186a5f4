"""Run `psql` as one of a service's roles: which program, in which environment.

The environment contains the password, because other users of the machine cannot read it. It also contains the role and
the tenant, as options of the session. Only psql may bind a tenant for a whole session, because it does not share its
connection.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.endpoint import Purpose
from tenantry.project import Project
from tenantry.tenancy.declarations import tenancy_of
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.signed_context.signer import Signer

__all__ = ["As", "Shell", "open_shell", "run_shell"]

As = Literal["app", "owner", "admin"]

# Seconds for which a signed tenant is valid in psql: longer than a working day.
LIFETIME = 12 * 3600

_PURPOSES: Mapping[As, Purpose] = {"app": "application", "owner": "migration", "admin": "admin"}


@dataclass(frozen=True, slots=True)
class Shell:
    """A psql that is ready to run. The environment contains the password, so the repr omits it."""

    program: Path
    address: str
    role: str
    tenant: str | None
    environment: Mapping[str, str] = field(repr=False)


async def open_shell(
    deployment: Deployment,
    project: Project,
    *,
    role: As = "app",
    tenant: str | None = None,
) -> Shell:
    """Return a psql in a role; with `tenant`, it binds that tenant.

    Raises:
        TenantInvalid: the tenant is not of the tenant column's type.
        BinariesMissing: psql was not found.
    """
    endpoint = deployment.endpoint(_PURPOSES[role])
    address = await endpoint.source.current()
    options = [address.parameters.get("options", "")]
    if endpoint.role != address.user:
        options.append(_option("role", endpoint.role))
    if tenant is not None:
        tenancy = tenancy_of(deployment.service.metadata)
        value = str(parse_tenant(tenant, tenancy.type))
        if tenancy.signed_context:
            value = Signer.from_settings(deployment.settings).value(value, lifetime=LIFETIME)
        options.append(_option(tenancy.setting, value))
    # Without the caller's PG* variables: PGSERVICE or PGOPTIONS would change the session.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"PGAPPNAME": f"tenantry psql {role}", **address.libpq_environment()}
    environment["PGOPTIONS"] = " ".join(filter(None, options))
    return Shell(_find_psql(project), address.redacted, endpoint.role, tenant, environment)


def run_shell(shell: Shell, arguments: Sequence[str] = ()) -> int:
    """Run psql in the foreground and return its exit status. Only psql handles Ctrl-C meanwhile."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # The child would inherit the ignored SIGINT, so it restores the default. `preexec_fn` is safe here, because no
        # other thread runs.
        return subprocess.run(
            [shell.program, *arguments],
            env=dict(shell.environment),
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _option(name: str, value: str) -> str:
    """Return `-c name=value`, escaped for PGOPTIONS, which the server splits at spaces without a backslash."""
    escaped = value.replace("\\", "\\\\").replace(" ", "\\ ")
    return f"-c {name}={escaped}"


def _find_psql(project: Project) -> Path:
    try:
        return find_binaries(project.postgres_spec).path("psql")
    except errors.BinariesMissing:
        found = shutil.which("psql")
        if found is None:
            raise
        return Path(found)
