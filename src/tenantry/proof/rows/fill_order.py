"""The order in which tables are filled: a table before the tables that refer to it.

Where tables refer to each other in a circle, one of them must come first although its reference has no row to refer to.
Two kinds of references allow that. One that may be NULL is filled in with UPDATE when all rows exist. One that is
DEFERRABLE is checked at the end of the transaction, so that its row may come later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry import errors
from tenantry.proof.rows.shape import Constraint, Key, Shape

__all__ = ["Order", "arrange"]


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """The tables in their order, and the references that refer ahead, each with its table.

    Attributes:
        nullable: NULL at first, and filled in at the end.
        deferred: NOT NULL and DEFERRABLE; the row that they refer to is written later.
    """

    keys: tuple[Key, ...]
    nullable: tuple[tuple[Key, Constraint], ...] = ()
    deferred: tuple[tuple[Key, Constraint], ...] = ()

    def nullable_of(self, table: Key) -> tuple[Constraint, ...]:
        """Return the references of a table that are filled in at the end."""
        return tuple(reference for key, reference in self.nullable if key == table)

    def deferred_of(self, table: Key) -> tuple[Constraint, ...]:
        """Return the references of a table whose rows are written later."""
        return tuple(reference for key, reference in self.deferred if key == table)


def arrange(shapes: Mapping[Key, Shape]) -> Order:
    """Return the order in which the tables can be filled.

    Raises:
        ConfigurationError: tables refer to each other in a circle, and no row of any of them can be the first.
    """
    waiting = dict(sorted(shapes.items()))
    keys: list[Key] = []
    nullable: list[tuple[Key, Constraint]] = []
    deferred: list[tuple[Key, Constraint]] = []
    while waiting:
        ready = [key for key, shape in waiting.items() if not _pending(shape, waiting)]
        if not ready:
            first = _first_of_circle(waiting)
            for reference in _pending(waiting[first], waiting):
                is_nullable = waiting[first].may_be_null(reference)
                (nullable if is_nullable else deferred).append((first, reference))
            ready = [first]
        keys += ready
        for key in ready:
            del waiting[key]
    return Order(tuple(keys), tuple(nullable), tuple(deferred))


def _pending(shape: Shape, waiting: Mapping[Key, Shape]) -> list[Constraint]:
    """Return the references to other tables that are not filled yet; a row of the table itself is no obstacle."""
    return [item for item in shape.references if item.target in waiting and item.target != shape.key]


def _first_of_circle(waiting: Mapping[Key, Shape]) -> Key:
    """Return the table of a circle that is filled first: best one whose references may be NULL."""
    circle = _find_circle(waiting)
    blocking = {key: _blocking(waiting[key], waiting) for key in circle}
    possible = [key for key in circle if not blocking[key]]
    if not possible:
        raise _refuse(blocking)
    return min(possible, key=lambda key: not all(map(waiting[key].may_be_null, _pending(waiting[key], waiting))))


def _find_circle(waiting: Mapping[Key, Shape]) -> list[Key]:
    """Return tables that all refer to each other, directly or not, and to no other table that waits.

    One exists where no table is ready: from any table, follow the references until they only lead back.
    """
    reached = {key: _reach(key, waiting) for key in waiting}
    return next(sorted(found) for key, found in reached.items() if all(key in reached[other] for other in found))


def _reach(start: Key, waiting: Mapping[Key, Shape]) -> set[Key]:
    """Return the waiting tables to which references lead from a table."""
    found: set[Key] = set()
    fresh = {start}
    while fresh:
        fresh = {item.target for key in fresh for item in _pending(waiting[key], waiting)} - found
        found |= fresh
    return found


def _blocking(shape: Shape, waiting: Mapping[Key, Shape]) -> list[Constraint]:
    """Return the references that keep a table from being the first."""
    return [item for item in _pending(shape, waiting) if not (shape.may_be_null(item) or item.is_deferrable)]


def _refuse(blocking: Mapping[Key, list[Constraint]]) -> errors.ConfigurationError:
    names = [f"{reference.name} of {'.'.join(key)}" for key, references in blocking.items() for reference in references]
    return errors.ConfigurationError(
        f"Tables {', '.join('.'.join(key) for key in blocking)} refer to each other in a circle that no row can begin.",
        why=f"These references are NOT NULL and not DEFERRABLE: {', '.join(names)}.",
        remedy="Let a column of one of them be NULL, or make one of them DEFERRABLE.",
    )
