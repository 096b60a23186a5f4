"""Puts rows into one table: guesses, lets the database judge, and learns from its refusals.

The constraint that refused says which columns to change; what it is made of says how. What worked is kept for the next
row. The invariant: an attempt leaves nothing behind unless it is the row, and attempts are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.proof.rows.choices import Choices, default
from tenantry.proof.rows.seed import Seed
from tenantry.proof.rows.shape import Shape

__all__ = ["Sower", "TextRow", "literal_of", "text_columns"]

# A row as PostgreSQL prints it, column by column.
TextRow = dict[str, str | None]

_MOST_ATTEMPTS = 800
# Where a row like it is there already, of a live database say, its number is stepped on by so much, so many times.
_STRIDE, _MOST_STRIDES = 1009, 3
# Where a text is too long for its column without its type saying so, it is halved from here.
_LONG_TEXT = 128


class Sower:
    """Makes the rows of one table."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self.shape = shape
        self._connection = connection
        self._choices = Choices(shape)
        self._shift = 0
        self._longest: int | None = None

    async def insert(self, fixed: Mapping[str, str | None], number: int, marker: str) -> TextRow:
        """Insert a row that has the `fixed` values, and return it as it stands in the table.

        Raises:
            ConfigurationError: no row was found that the database takes; names table, constraint and remedy.
        """
        self._choices.begin()
        strides = 0
        for attempt in range(_MOST_ATTEMPTS):
            seed = Seed(number + self._shift, marker, self._longest)
            try:
                return await self._try(fixed, seed)
            except asyncpg.PostgresError as error:
                if error.sqlstate in {"23505", "23P01"} and strides < _MOST_STRIDES:
                    strides += 1
                    self._shift += _STRIDE
                elif attempt == _MOST_ATTEMPTS - 1 or not self._learn(error, fixed):
                    raise _give_up(self.shape, error) from error
        raise AssertionError("The last attempt returns or raises.")

    async def _try(self, fixed: Mapping[str, str | None], seed: Seed) -> TextRow:
        values = {}
        for name in self.shape.columns:
            way = self._choices.way(name)
            if name in fixed:
                values[name] = literal_of(fixed[name])
            else:
                values[name] = "DEFAULT" if way is default else literal_of(way(seed))
        columns = ", ".join(map(sql.identifier, values))
        returned = text_columns(self.shape)
        async with self._connection.transaction():
            row = await self._connection.fetchrow(
                f"INSERT INTO {sql.qualified(*self.shape.key)} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                f"VALUES ({', '.join(values.values())}) RETURNING {returned}"
            )
        return dict(row)

    def _learn(self, error: asyncpg.PostgresError, fixed: Mapping[str, str | None]) -> bool:
        """Change what the next attempt does; False where the refusal teaches nothing."""
        state = error.sqlstate
        if state == "23502" and self._choices.give_values([error.column_name]):
            return True
        if state == "42501":
            # A default that draws from a sequence, which the admin role may not use.
            return self._choices.give_values(self.shape.primary_key)
        if state in {"23514", "23505", "23P01"}:
            return self._choices.turn(self._suspects(error).difference(fixed))
        if state == "22001":
            self._longest = (self._longest or _LONG_TEXT) // 2
            return self._longest > 0
        if state.startswith(("22", "23502")):
            # A value that its type cannot read, or that a CHECK cannot: on to the next one.
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
            # A partition's own index has a name of its own.
            constraints = list(self.shape.unique_keys)
        # What the database generates is nobody's to change.
        return frozenset(column for item in constraints for column in item.columns if column in self.shape.columns)


def text_columns(shape: Shape) -> str:
    """Return the list of a table's columns for a query that gives them as text."""
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
