"""Sequences, and serial columns.

A sequence is independent (`CREATE SEQUENCE`), or a column owns it: `serial` creates a sequence that the column owns,
and a default that calls nextval(). The sequence of an identity column is internal: no role needs a privilege on it, and
it is not among these objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.clauses import one_of
from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import LONGEST_NAME, identifier, literal, qualified

__all__ = ["Sequence", "Serial", "serial_name", "server_name"]

# The largest number of each type; the smallest is one below its negative.
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}

_LABEL = "seq"


@dataclass(frozen=True, slots=True)
class Sequence(DatabaseObject):
    """A sequence; missing options have the defaults of CREATE SEQUENCE."""

    name: str
    schema: str = "public"
    data_type: str = "bigint"
    start: int | None = None
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cache: int = 1
    cycle: bool = False

    noun: ClassVar[str] = "sequence"
    # Before tables, because a column's default may call nextval() on it.
    rank: ClassVar[int] = 1
    is_before_tables: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Fill in the missing limits and the start, as the server does (manual, CREATE SEQUENCE)."""
        one_of("type of a sequence", self.data_type, tuple(_LARGEST))
        largest = _LARGEST[self.data_type]
        is_ascending = self.increment > 0
        if self.minimum is None:
            object.__setattr__(self, "minimum", 1 if is_ascending else -largest - 1)
        if self.maximum is None:
            object.__setattr__(self, "maximum", largest if is_ascending else -1)
        if self.start is None:
            object.__setattr__(self, "start", self.minimum if is_ascending else self.maximum)

    def alter(self) -> tuple[str, ...]:
        """Return the statement that gives an existing sequence these options; its last value is kept."""
        return (f"ALTER SEQUENCE {qualified(self.schema, self.name)} AS {self.data_type} {' '.join(self.options())}",)

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.name)

    def _create(self) -> tuple[str, ...]:
        return (f"CREATE SEQUENCE {qualified(self.schema, self.name)} AS {self.data_type} {' '.join(self.options())}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP SEQUENCE {qualified(self.schema, self.name)}",)

    def options(self) -> tuple[str, ...]:
        """Return the options except the type, which an identity column has from its column."""
        return (
            f"INCREMENT BY {self.increment}",
            f"MINVALUE {self.minimum}",
            f"MAXVALUE {self.maximum}",
            f"START WITH {self.start}",
            f"CACHE {self.cache}",
            "CYCLE" if self.cycle else "NO CYCLE",
        )


@dataclass(frozen=True, slots=True)
class Serial(DatabaseObject):
    """A sequence that a column owns, and the default that calls nextval() on it, as `serial` in CREATE TABLE.

    It is for an existing column, because ALTER TABLE has no `serial`. The sequence starts after the column's largest
    value.
    """

    table: str
    column: str
    sequence: str
    data_type: str = "integer"
    schema: str = "public"

    noun: ClassVar[str] = "serial"
    # After partitions, because the statement reads the table, and before grants on the sequence.
    rank: ClassVar[int] = 4

    def __post_init__(self) -> None:
        one_of("type of a sequence", self.data_type, tuple(_LARGEST))

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.table, self.column)

    def _create(self) -> tuple[str, ...]:
        table, column = qualified(self.schema, self.table), identifier(self.column)
        sequence = qualified(self.schema, self.sequence)
        return (
            f"CREATE SEQUENCE {sequence} AS {self.data_type}",
            f"ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
            f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval({literal(sequence)}::regclass)",
            # Last, because the lock of ALTER TABLE then prevents the insertion of a larger value.
            f"SELECT setval({literal(sequence)}, greatest(max({column}), 0) + 1, false) FROM {table}",  # noqa: S608
        )

    def _drop(self) -> tuple[str, ...]:
        table, column = qualified(self.schema, self.table), identifier(self.column)
        return (
            f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
            f"DROP SEQUENCE {qualified(self.schema, self.sequence)}",
        )


def serial_name(table: str, column: str, taken: Iterable[str] = ()) -> str:
    """Return the name that the server gives to the sequence of a serial column."""
    return server_name(table, column, _LABEL, taken)


def server_name(table: str, columns: str, label: str, taken: Iterable[str] = ()) -> str:
    """Return the name that the server gives to a part of a table that has no name in its statement.

    It is `t_c_seq`, or `t_c_seq1` if that name is taken. If the name is too long, the longer of `t` and `c` is cut
    (`makeObjectName` in the server's commands/indexcmds.c).
    """
    taken = frozenset(taken)
    number = 0
    while (name := _joined(table, columns, f"{label}{number or ''}")) in taken:
        number += 1
    return name


def _joined(table: str, columns: str, label: str) -> str:
    room = LONGEST_NAME - len(label) - (2 if columns else 1)
    first, second = len(table.encode()), len(columns.encode())
    while first + second > room:
        if first > second:
            first -= 1
        else:
            second -= 1
    return "_".join(filter(None, (_cut(table, first), _cut(columns, second), label)))


def _cut(name: str, size: int) -> str:
    """Cut a name to at most `size` bytes, without splitting a character."""
    return name.encode()[:size].decode(errors="ignore")
