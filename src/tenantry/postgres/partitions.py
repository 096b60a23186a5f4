"""A table whose rows are spread over partitions by the hash of a column.

A partition is a table of its own: a statement that names it meets its policies and its privileges, never its
parent's. So each is protected by itself, and nobody but the owner is granted anything on it; rows are reached by way of
the parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.vocabulary import DatabaseObject
from tenantry.sql import qualified

__all__ = ["HashPartitions"]


@dataclass(frozen=True, slots=True)
class HashPartitions(DatabaseObject):
    """The partitions of a table, `items_p00` and on; all of one modulus, so that every row has its place.

    `is_regular` is False for what was found in any other form: a partition missing, or another modulus or name.
    """

    table: str
    count: int
    schema: str = "public"
    is_regular: bool = True

    noun: ClassVar[str] = "hash_partitions"
    # After functions and before row security, which its partitions need as the table does.
    rank: ClassVar[int] = 3

    @property
    def partitions(self) -> tuple[str, ...]:
        """The names of the partitions, by remainder."""
        width = len(str(self.count - 1))
        return tuple(f"{self.table}_p{remainder:0{width}}" for remainder in range(self.count))

    @property
    def bounds(self) -> dict[str, str]:
        """What the catalog says of each partition, as `pg_get_expr` prints it."""
        return {
            name: f"FOR VALUES WITH (modulus {self.count}, remainder {remainder})"
            for remainder, name in enumerate(self.partitions)
        }

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.table)

    def _create(self) -> tuple[str, ...]:
        parent = qualified(self.schema, self.table)
        return tuple(
            f"CREATE TABLE {qualified(self.schema, name)} PARTITION OF {parent} {bound}"
            for name, bound in self.bounds.items()
        )

    def _drop(self) -> tuple[str, ...]:
        return tuple(f"DROP TABLE {qualified(self.schema, name)}" for name in self.partitions)
