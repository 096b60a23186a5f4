"""What all objects of a schema have in common: an identity, an order, and the statements that make and remove them."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["DatabaseObject"]


class DatabaseObject:
    """Base of the vocabulary. Objects sort in the order in which they can be created."""

    __slots__ = ()

    noun: ClassVar[str]
    # Order matters: a trigger needs its function, a policy and a grant their role, everything on a table the table.
    rank: ClassVar[int]
    is_before_tables: ClassVar[bool] = False

    @property
    def identity(self) -> tuple[str, ...]:
        """The noun and the names; two objects with one identity cannot both exist in a database."""
        return (self.noun, *self._names())

    def create(self) -> tuple[str, ...]:
        """Return the statements that create the object, one each, because asyncpg refuses several in one."""
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
        # The text of the whole object breaks the tie between two states of one object, so that sorting is total.
        return (self.rank, self.identity, repr(self)) < (other.rank, other.identity, repr(other))

    def __str__(self) -> str:
        noun, *names = self.identity
        return f"{noun.replace('_', ' ')} {'.'.join(filter(None, names))}"
