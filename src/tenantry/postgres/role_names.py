"""The names and attributes of a service's three roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenantry import errors
from tenantry.postgres.objects import Role
from tenantry.sql import LONGEST_NAME

__all__ = ["Roles"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of a service's roles: the owner of the objects, the application's role, the role across tenants."""

    owner: str
    application: str
    admin: str

    def __post_init__(self) -> None:
        for name in (self.owner, self.application, self.admin):
            if len(name.encode()) > LONGEST_NAME:
                raise errors.DeclarationError(
                    f"The role name {name!r} is {len(name.encode())} bytes long.",
                    why=f"PostgreSQL would cut it to {LONGEST_NAME} bytes.",
                    remedy=f"Pass roles=Roles(...) with names of at most {LONGEST_NAME} bytes to Service().",
                )
        if len({self.owner, self.application, self.admin}) < len(self.__slots__):
            raise errors.DeclarationError(
                f"The roles of a service have the names {self.owner!r}, {self.application!r} and {self.admin!r}, which "
                "are not three different names.",
                why="One role with the privileges of two could bypass row security.",
                remedy="Give the owner, the application and the admin different role names.",
            )

    def __iter__(self) -> Iterator[Role]:
        """Yield the roles in the order in which they are created."""
        yield Role(self.owner)
        yield Role(self.application, login=True)
        yield Role(self.admin, login=True, bypass_rls=True)
