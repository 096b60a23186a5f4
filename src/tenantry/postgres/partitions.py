"""The hash partitions of a table.

A partition is a table itself. A statement that names it is checked against the partition's policies and privileges, not
against its parent's. So each partition has its own protection, and only the owner has privileges on it. Other roles
reach the rows through the parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import qualified, shortened

__all__ = ["HashPartitions"]


@dataclass(frozen=True, slots=True)
class HashPartitions(DatabaseObject):
    """The partitions of a table, `items_p00` and so on, all with one modulus, so that every row has a partition.

    `is_regular` is False if the database has another form: a missing partition, or another modulus or name.
    """

    table: str
    count: int
    schema: str = "public"
    is_regular: bool = True

    noun: ClassVar[str] = "hash_partitions"
    # After functions and before row security, which the partitions need too.
    rank: ClassVar[int] = 3

    @property
    def partitions(self) -> tuple[str, ...]:
        """The names of the partitions, by remainder."""
        width = len(str(self.count - 1))
        return tuple(shortened(f"{self.table}_p{remainder:0{width}}") for remainder in range(self.count))

    @property
    def bounds(self) -> dict[str, str]:
        """The bounds of each partition, as `pg_get_expr` prints them."""
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
