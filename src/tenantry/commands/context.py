"""List, add, rotate and remove the keys with which a service signs its tenants.

During a rotation, the application never signs with a key that the database does not have: the new key is added to the
database first, then processes start with it, and the old key is removed when no process signs with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.target import open_target
from tenantry.secrets import SigningRing
from tenantry.tenancy.signed_context.keys import KnownKey, has_keys_table, list_keys, push_keys, retire_key
from tenantry.tenancy.signed_context.signer import LIFETIME

__all__ = ["ContextKey", "Rotation", "list_context_keys", "push_context_keys", "retire_context_key", "rotate_context"]

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class ContextKey:
    """A key by its id.

    `is_known`: the database has it. `is_configured`: the settings have it. `is_current`: the settings sign with it.
    """

    service: str
    id: str
    is_known: bool
    is_configured: bool
    is_current: bool
    created_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new key, and the new value of the service's variable, which is a secret."""

    service: str
    key: str
    variable: str
    value: SecretStr


async def list_context_keys(deployment: Deployment) -> list[ContextKey]:
    """Return the keys of the database, then the keys that only the settings have.

    Raises:
        ConfigurationError: the service does not sign, or its schema has no table of keys yet.
    """
    ring = _ring(deployment)
    known = await _run(deployment, list_keys)
    return [
        *(_described(deployment.name, key, ring) for key in known),
        *(
            ContextKey(
                deployment.name,
                name,
                is_known=False,
                is_configured=True,
                is_current=name == ring.current,
                created_at=None,
            )
            for name in ring.ids
            if name not in {key.id for key in known}
        ),
    ]


async def push_context_keys(deployment: Deployment) -> tuple[str, ...]:
    """Add the keys of the settings to the database; return the ids of the added keys.

    Raises:
        ConfigurationError: see `list_context_keys`; or the database has another key with one of the ids.
    """
    ring = _ring(deployment)
    return await _run(deployment, lambda connection: push_keys(connection, ring))


async def rotate_context(deployment: Deployment, name: str = "") -> Rotation:
    """Add a new key to the database, and return the keys with the new key in front.

    Raises:
        ConfigurationError: see `push_context_keys`; or the settings have a key with that id.
    """
    ring = _ring(deployment)
    known = {key.id for key in await _run(deployment, list_keys)}
    if name in known:
        raise errors.ConfigurationError(
            f"The database already has a key with the id {name!r}.", remedy="Choose another id with --id."
        )
    rotated = ring.rotate(name or _fresh_name(known | {*ring.ids}))
    await _run(deployment, lambda connection: push_keys(connection, rotated))
    return Rotation(deployment.name, rotated.current, deployment.settings.variable("context_keys"), rotated.text)


async def retire_context_key(deployment: Deployment, name: str) -> None:
    """Remove a key from the database. The next statement of a transaction that was bound with the key fails.

    Raises:
        ConfigurationError: the settings sign with the key, or the database does not have it.
    """
    ring = _ring(deployment)
    if name == ring.current:
        raise errors.ConfigurationError(
            f"Key {name!r} cannot be removed, because {deployment.name} signs with it.",
            remedy=f"Move another key to the front, deploy, wait {LIFETIME} seconds, then run the command again.",
        )
    if not await _run(deployment, lambda connection: retire_key(connection, name)):
        raise errors.ConfigurationError(
            f"The database has no key with the id {name!r}.", remedy="List the keys with: tenantry context list"
        )


def _ring(deployment: Deployment) -> SigningRing:
    service, settings = deployment.service, deployment.settings
    if not service.signed_context:
        raise errors.ConfigurationError(
            f"The service {service.name} does not sign its tenants.",
            remedy="Set Tenancy(signed_context=True) on the base class of its models, and migrate.",
        )
    ring = settings.signing_ring()
    if ring is None:
        variable = settings.variable("context_keys")
        raise errors.ConfigurationError(
            f"{variable} is not set.",
            variable=variable,
            remedy=f"Generate a key with `openssl rand -base64 32`, and set {variable} to id:key.",
        )
    return ring


async def _run(deployment: Deployment, work: Callable[[Connection], _Answer]) -> _Answer:
    def run(connection: Connection) -> _Answer:
        with connection.begin():
            if not has_keys_table(connection):
                raise errors.ConfigurationError(
                    f"The schema of {deployment.name} has no table of keys yet.",
                    remedy=f"Run: tenantry migrate --service {deployment.name}",
                )
            return work(connection)

    async with open_target(deployment) as target, target.connection() as connection:
        return await connection.run_sync(run)


def _described(service: str, key: KnownKey, ring: SigningRing) -> ContextKey:
    return ContextKey(
        service,
        key.id,
        is_known=True,
        is_configured=key.id in ring.ids,
        is_current=key.id == ring.current,
        created_at=key.created_at,
    )


def _fresh_name(taken: set[str]) -> str:
    """Return an unused id with today's date."""
    today = dt.datetime.now(tz=dt.UTC).strftime("k%Y%m%d")
    names = (today, *(f"{today}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
