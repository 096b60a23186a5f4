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
    """A database of a service, with its logins.

    Attributes:
        deployment: the service on this database, with a login for each of the three purposes.
        superuser: the login that created the database, which sees every row as it is stored.
    """

    deployment: Deployment
    superuser: Address
    addresses: Mapping[Purpose, Address] = field(repr=False)

    @property
    def name(self) -> str:
        """The database's name."""
        return self.superuser.database

    def address(self, purpose: Purpose = "application") -> Address:
        """Return the address with the login of the application, the migrations or the admin."""
        return self.addresses[purpose]

    @property
    def service(self) -> Service:
        """The service."""
        return self.deployment.service

    @property
    def settings(self) -> DatabaseSettings:
        """The service's settings, with the addresses of this database."""
        return self.deployment.settings
