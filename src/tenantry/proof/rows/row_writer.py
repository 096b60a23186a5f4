"""Write rows into one table: make values up, let the database judge them, and learn from what it refuses.

The constraint that refused a row says which columns to change, and its definition says how. What worked is kept for the
next row. Two invariants: an attempt leaves nothing behind unless it is the row, and the number of attempts is bounded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from types import MappingProxyType

import asyncpg

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.proof.rows.choices import Choices, default
from tenantry.proof.rows.seed import Seed
from tenantry.proof.rows.shape import Shape

__all__ = ["RowWriter", "TextRow", "literal_of", "text_columns"]

# A row as PostgreSQL prints it, column by column.
TextRow = dict[str, str | None]

_MOST_ATTEMPTS = 800
# Where the table has a row with the same key already, the number of the new row grows by so much, so many times.
_STRIDE, _MOST_STRIDES = 1009, 3
# Where a text is too long for its column although its type does not say so, its length is halved from here.
_LONG_TEXT = 128
# A key that is made up here lies beyond those that a sequence gives next.
_BEYOND = 1_000_000

_NO_COPIES: Mapping[str, str] = MappingProxyType({})


class RowWriter:
    """Writes the rows of one table."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self.shape = shape
        self._connection = connection
        self._choices = Choices(shape)
        self._shift = 0
        self._longest: int | None = None

    async def insert(
        self,
        fixed: Mapping[str, str | None],
        number: int,
        marker: str,
        *,
        copies: Mapping[str, str] = _NO_COPIES,
        keys: Collection[str] = (),
    ) -> TextRow:
        """Insert a row that has the `fixed` values, and return it as the table has it.

        Args:
            fixed: values that are not changed, in PostgreSQL's text form.
            number: differs between all rows of the table; values are made from it.
            marker: stands in the texts that are made up.
            copies: columns that repeat the value of another column, with that column.
            keys: columns for which no DEFAULT is used, because another row must repeat their value.

        Raises:
            ConfigurationError: the database took no row that was tried; names table, constraint and remedy.
        """
        self._choices.begin()
        strides = 0
        for attempt in range(_MOST_ATTEMPTS):
            seed = Seed(number + self._shift, marker, self._longest)
            try:
                return await self._try(fixed, seed, copies, {*copies.values(), *keys})
            except asyncpg.PostgresError as error:
                if error.sqlstate in {"23505", "23P01"} and strides < _MOST_STRIDES:
                    strides += 1
                    self._shift += _STRIDE
                elif attempt == _MOST_ATTEMPTS - 1 or not self._learn(error, fixed, copies):
                    raise _give_up(self.shape, error) from error
        raise AssertionError("The last attempt returns or raises.")

    async def _try(
        self, fixed: Mapping[str, str | None], seed: Seed, copies: Mapping[str, str], keys: Collection[str]
    ) -> TextRow:
        values = {name: self._value(name, fixed, seed, is_key=name in keys) for name in self.shape.columns}
        values |= {name: values[source] for name, source in copies.items()}
        columns = ", ".join(map(sql.identifier, values))
        returned = text_columns(self.shape)
        async with self._connection.transaction():
            row = await self._connection.fetchrow(
                f"INSERT INTO {sql.qualified(*self.shape.key)} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                f"VALUES ({', '.join(values.values())}) RETURNING {returned}"
            )
        return dict(row)

    def _value(self, name: str, fixed: Mapping[str, str | None], seed: Seed, *, is_key: bool) -> str:
        """Return the SQL of a column's value."""
        if name in fixed:
            return literal_of(fixed[name])
        if is_key:
            way = self._choices.value_way(name)
            seed = dataclasses.replace(seed, number=seed.number + _BEYOND)
        else:
            way = self._choices.way(name)
        return "DEFAULT" if way is default else literal_of(way(seed))

    def _learn(self, error: asyncpg.PostgresError, fixed: Mapping[str, str | None], copies: Mapping[str, str]) -> bool:
        """Change the next attempt. Return False where the refusal says nothing of use."""
        state = error.sqlstate
        if state == "23502" and self._choices.give_values([error.column_name]):
            return True
        if state == "42501":
            # A default draws from a sequence that the role may not use.
            return self._choices.give_values(self.shape.primary_key)
        if state in {"23514", "23505", "23P01"}:
            # A column that repeats another one changes with it.
            suspects = frozenset(copies.get(name, name) for name in self._suspects(error))
            return self._choices.turn(suspects.difference(fixed))
        if state == "22001":
            self._longest = (self._longest or _LONG_TEXT) // 2
            return self._longest > 0
        if state.startswith(("22", "23502")):
            # The type, or an expression of a CHECK, cannot read a value: go on to the next one.
            every = frozenset(column for check in self.shape.checks for column in check.columns)
            return self._choices.turn_again() or self._choices.turn(every.difference(fixed))
        return False

    def _suspects(self, error: asyncpg.PostgresError) -> frozenset[str]:
        """Return the columns whose values a constraint may have refused."""
        if error.data_type_name:
            domain = error.data_type_name
            return frozenset(column.name for column in self.shape.columns.values() if domain in column.type.all_domains)
        constraints = [item for item in self.shape.constraints if item.name == error.constraint_name]
        if not constraints and error.sqlstate != "23514":
            # The index of a partition has a name of its own.
            constraints = list(self.shape.unique_keys)
        # Generated columns are left out: only the database writes them.
        return frozenset(column for item in constraints for column in item.columns if column in self.shape.columns)


def text_columns(shape: Shape) -> str:
    """Return the list of a table's columns for a query that returns them as text."""
    return ", ".join(f"{sql.identifier(name)}::text" for name in (*shape.columns, *shape.generated))


def literal_of(value: str | None) -> str:
    """Return a value as a literal without a type."""
    return "NULL" if value is None else sql.literal(value)


def _give_up(shape: Shape, error: asyncpg.PostgresError) -> errors.ConfigurationError:
    constraint = f" of constraint {error.constraint_name}" if error.constraint_name else ""
    return errors.ConfigurationError(
        f"No row could be made up for table {'.'.join(shape.key)}.",
        why=f"The last attempt ended in SQLSTATE {error.sqlstate}{constraint}: {error.message}.",
        remedy=f'Declare factories={{"{shape.key[1]}": "module:function"}} on the Service; the function takes the '
        "tenant and the row's number, and returns a dict of column values.",
    )
