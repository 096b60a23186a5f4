"""Check that each service of one run has its own database.

The invariant: no service migrates another service's database. Each service stores its revision in the table
`alembic_version`, so two services in one database would overwrite each other's revision. A `DATABASE_URL` without
prefix causes this, because every service reads it. So the addresses are compared before any change.

The check compares hosts by name. Two names of one host count as different, except the names of this machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tenantry import errors
from tenantry.deployment.deployment import Deployment
from tenantry.postgres.endpoint import Purpose
from tenantry.service import Service

__all__ = ["check_separate"]

PURPOSES: tuple[Purpose, ...] = ("admin", "migration", "application")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# Host, port and database. An empty host means the embedded server.
Place = tuple[str, int, str]


async def check_separate(deployments: Sequence[Deployment]) -> None:
    """Check that no two services use the same database, for any purpose.

    Raises:
        ConfigurationError: two services would use one database.
        SecretUnavailable: a store of secrets did not return an address.
    """
    taken: dict[Place, tuple[Service, str]] = {}
    for one in deployments:
        # The purposes of one service share its database, so they are added after the comparison.
        places = {place: variable async for place, variable in _places(one)}
        for place, variable in places.items():
            if place in taken:
                raise _shared(place, taken[place], (one.service, variable))
        taken |= {place: (one.service, variable) for place, variable in places.items()}


async def _places(deployment: Deployment) -> AsyncIterator[tuple[Place, str]]:
    """Yield each place where the service logs in, with the variable that changes it."""
    # The application's purpose comes last, so that errors name its variable if several purposes share a place.
    settings = deployment.settings
    for purpose in PURPOSES:
        # The name with the prefix, because several services read the name without it.
        separate = settings.is_separate(purpose) and purpose != "application"
        variable = settings.variable(f"{purpose}_database_url" if separate else "database_url")
        source = settings.source(purpose)
        if source is None:
            yield ("", 0, deployment.service.database), variable
            continue
        address = await source.current()
        for host in address.hosts:
            name = host.name.rstrip(".").lower()
            yield ("localhost" if name in LOOPBACK else name, host.port, address.database), variable


def _shared(place: Place, first: tuple[Service, str], second: tuple[Service, str]) -> errors.ConfigurationError:
    host, port, database = place
    where = f"at {host}:{port}" if host else "on the embedded server"
    return errors.ConfigurationError(
        f"The services {first[0].name} and {second[0].name} would share the database {database} {where}.",
        variable=second[1],
        why="Each service needs its own database, because it migrates it. Every service reads a variable without a "
        "service's prefix, such as DATABASE_URL.",
        remedy=f"Set {first[1]} and {second[1]} to different databases, or select one service with --service.",
    )
