"""Each service of one run has a database to itself.

The invariant: no service migrates into another's database. Each keeps the one revision that it is at in the table
`alembic_version`, so two in one database would each take the other's for its own. It happens by a bare `DATABASE_URL`,
which speaks to every service that reads it; so the addresses are compared before anything is made.

What is compared is what the addresses say. Two names of one host are not known to be one, except those of this machine.
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

# Host, port and database; without a host it is the embedded server.
Place = tuple[str, int, str]


async def check_separate(deployments: Sequence[Deployment]) -> None:
    """Check where each service's database is, for each of its purposes.

    Raises:
        ConfigurationError: two services would be in one database.
        SecretUnavailable: a store of secrets did not say where one is.
    """
    taken: dict[Place, tuple[Service, str]] = {}
    for one in deployments:
        # A service's own purposes are meant to share its database, so they are entered together at the end.
        places = {place: variable async for place, variable in _places(one)}
        for place, variable in places.items():
            if place in taken:
                raise _shared(place, taken[place], (one.service, variable))
        taken |= {place: (one.service, variable) for place, variable in places.items()}


async def _places(deployment: Deployment) -> AsyncIterator[tuple[Place, str]]:
    """Yield where the service would log in, and the variable that would lead it elsewhere."""
    # The application's comes last: where others log in at the same place, its variable is the one to name.
    settings = deployment.settings
    for purpose in PURPOSES:
        # With the prefix, for what is named must not be a variable that several services read.
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
        why="Each migrates a database of its own. A variable without a service's prefix, such as DATABASE_URL, "
        "speaks to every service that reads it.",
        remedy=f"Give {first[1]} and {second[1]} a database each, or pick one service with --service.",
    )
