"""A database that belongs to one test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.address import Address
from tenantry.deployment import Deployment
from tenantry.postgres.endpoint import Purpose
from tenantry.service import Service
from tenantry.settings import DatabaseSettings

__all__ = ["ScratchDatabase"]


@dataclass(frozen=True, slots=True)
class ScratchDatabase:
    """A database of a service, and how to log in to it.

    Attributes:
        deployment: the service here, with a login for each of the three purposes.
        superuser: the login that made it, which sees every row as it is stored.
    """

    deployment: Deployment
    superuser: Address
    addresses: Mapping[Purpose, Address] = field(repr=False)

    @property
    def name(self) -> str:
        """The database's name."""
        return self.superuser.database

    def address(self, purpose: Purpose = "application") -> Address:
        """Return where the application, the migrations or the admin log in."""
        return self.addresses[purpose]

    @property
    def service(self) -> Service:
        """The service."""
        return self.deployment.service

    @property
    def settings(self) -> DatabaseSettings:
        """The service's settings, which lead to this database."""
        return self.deployment.settings
