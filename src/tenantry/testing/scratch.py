"""A database that belongs to one test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.address import Address
from tenantry.postgres.endpoint import Purpose
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.database import Database

__all__ = ["ScratchDatabase"]


@dataclass(frozen=True, slots=True)
class ScratchDatabase:
    """A database of a service, and how to log in to it.

    Attributes:
        settings: the service's settings, pointing here for all three purposes.
        superuser: the login that made it, which sees every row as it is stored.
    """

    service: Service
    settings: DatabaseSettings
    superuser: Address
    addresses: Mapping[Purpose, Address] = field(repr=False)

    @property
    def name(self) -> str:
        """The database's name."""
        return self.superuser.database

    def address(self, purpose: Purpose = "application") -> Address:
        """Return where the application, the migrations or the admin log in."""
        return self.addresses[purpose]

    def open_database(self) -> Database:
        """Return the service's `Database` on it, ready for `async with`."""
        return self.service.open_database(self.settings)
