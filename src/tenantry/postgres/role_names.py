"""The names of a service's three roles, and what each is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenantry import errors
from tenantry.postgres.objects import Role

__all__ = ["Roles"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of a service's roles: who owns the objects, who serves requests, who works across tenants."""

    owner: str
    application: str
    admin: str

    def __post_init__(self) -> None:
        if len({self.owner, self.application, self.admin}) < len(self.__slots__):
            raise errors.DeclarationError(
                "The owner, the application and the admin must be three roles.",
                why="One role with the rights of two could step over row security.",
                remedy="Give each a name of its own.",
            )

    def __iter__(self) -> Iterator[Role]:
        """Yield the roles in the order in which they are created."""
        yield Role(self.owner)
        yield Role(self.application, login=True)
        yield Role(self.admin, login=True, bypass_rls=True)
