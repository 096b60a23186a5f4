"""The keys with which a service signs its tenants: made known to its database, rotated, retired.

A rotation never has a moment in which the application signs with a key that the database does not know: the new key is
made known first, then processes are given it, and the old one is retired when no process signs with it.
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
from tenantry.tenancy.key_store import KnownKey, has_keys_table, list_keys, push_keys, retire_key
from tenantry.tenancy.signer import LIFETIME

__all__ = ["ContextKey", "Rotation", "list_context_keys", "push_context_keys", "retire_context_key", "rotate_context"]

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class ContextKey:
    """A key by its id: whether the database knows it, whether the settings hold it, and whether they sign with it."""

    service: str
    id: str
    is_known: bool
    is_configured: bool
    is_current: bool
    created_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new key that the database knows, and what the service's variable must hold from now on: a secret."""

    service: str
    key: str
    variable: str
    value: SecretStr


async def list_context_keys(deployment: Deployment) -> list[ContextKey]:
    """Return every key that the database or the settings have, those of the database first.

    Raises:
        ConfigurationError: the service does not sign, or its schema has no keys yet.
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
    """Make the database know the keys of the settings; return the ids of those that it did not know.

    Raises:
        ConfigurationError: see `list_context_keys`; or the database knows another key under one of the ids.
    """
    ring = _ring(deployment)
    return await _run(deployment, lambda connection: push_keys(connection, ring))


async def rotate_context(deployment: Deployment, name: str = "") -> Rotation:
    """Make a new key known to the database, and return the keys with it in front.

    Raises:
        ConfigurationError: see `push_context_keys`; or the settings have a key of that name.
    """
    ring = _ring(deployment)
    known = {key.id for key in await _run(deployment, list_keys)}
    if name in known:
        raise errors.ConfigurationError(f"The database knows a key {name} already.", remedy="Name another one.")
    rotated = ring.rotate(name or _fresh_name(known | {*ring.ids}))
    await _run(deployment, lambda connection: push_keys(connection, rotated))
    return Rotation(deployment.name, rotated.current, deployment.settings.variable("context_keys"), rotated.text)


async def retire_context_key(deployment: Deployment, name: str) -> None:
    """Make the database forget a key; a transaction that is bound with it is refused from its next statement on.

    Raises:
        ConfigurationError: the settings sign with it, or the database does not know it.
    """
    ring = _ring(deployment)
    if name == ring.current:
        raise errors.ConfigurationError(
            f"{deployment.name} signs with key {name}.",
            remedy=f"Put another key in front, deploy, wait {LIFETIME} seconds, and retire it then.",
        )
    if not await _run(deployment, lambda connection: retire_key(connection, name)):
        raise errors.ConfigurationError(
            f"The database knows no key {name}.", remedy="List them with: tenantry context list"
        )


def _ring(deployment: Deployment) -> SigningRing:
    service, settings = deployment.service, deployment.settings
    if not service.signed_context:
        raise errors.ConfigurationError(
            f"{service.name} does not sign its tenants.",
            remedy="Set Tenancy(signed_context=True) on the base of its models, and migrate.",
        )
    ring = settings.signing_ring()
    if ring is None:
        variable = settings.variable("context_keys")
        raise errors.ConfigurationError(
            f"{variable} is not set.",
            variable=variable,
            remedy="Make a key with `openssl rand -base64 32`, and give it as id:key.",
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
    """Return a name that says when the key was made."""
    today = dt.datetime.now(tz=dt.UTC).strftime("k%Y%m%d")
    names = (today, *(f"{today}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
