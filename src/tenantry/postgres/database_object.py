"""The base class of schema objects: an identity, an order, and the statements that create and drop an object."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["DatabaseObject"]


class DatabaseObject:
    """The base class of schema objects. Objects sort in the order in which they can be created."""

    __slots__ = ()

    noun: ClassVar[str]
    # Order matters: a trigger needs its function, a policy and a grant need their role, and all of them need the table.
    rank: ClassVar[int]
    is_before_tables: ClassVar[bool] = False

    @property
    def identity(self) -> tuple[str, ...]:
        """The noun and the names; a database cannot have two objects with the same identity."""
        return (self.noun, *self._names())

    def create(self) -> tuple[str, ...]:
        """Return the statements that create the object, one in each text, because asyncpg accepts only one."""
        return self._create()

    def drop(self) -> tuple[str, ...]:
        """Return the statements that drop the object."""
        return self._drop()

    def _names(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _create(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _drop(self) -> tuple[str, ...]:
        raise NotImplementedError

    def __lt__(self, other: object) -> bool:
        """Order by creation, then by name."""
        if not isinstance(other, DatabaseObject):
            return NotImplemented
        # Two states of one object have the same identity, so their repr makes the order total.
        return (self.rank, self.identity, repr(self)) < (other.rank, other.identity, repr(other))

    def __str__(self) -> str:
        noun, *names = self.identity
        return f"{noun.replace('_', ' ')} {'.'.join(filter(None, names))}"
