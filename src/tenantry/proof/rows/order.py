"""In which order tables are filled: what is referred to before what refers to it.

Where tables refer to each other in a circle, the circle is broken at a reference that may be NULL; it is filled in when
all rows are there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry import errors
from tenantry.proof.rows.shape import Constraint, Key, Shape

__all__ = ["Order", "arrange"]


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """The tables in order, and the references, with their tables, that are filled in at the end."""

    keys: tuple[Key, ...]
    late: tuple[tuple[Key, Constraint], ...]


def arrange(shapes: Mapping[Key, Shape]) -> Order:
    """Return the order in which the tables can be filled.

    Raises:
        ConfigurationError: tables refer to each other in a circle in which nothing may be NULL.
    """
    waiting = dict(sorted(shapes.items()))
    keys: list[Key] = []
    late: list[tuple[Key, Constraint]] = []
    while waiting:
        ready = [key for key, shape in waiting.items() if not _pending(shape, waiting)]
        if not ready:
            key = next((key for key, shape in waiting.items() if _can_wait(shape, waiting)), None)
            if key is None:
                raise errors.ConfigurationError(
                    f"Tables {', '.join(name for _, name in waiting)} refer to each other in a circle.",
                    why="None of the references may be NULL, so that no row of them can be the first.",
                    remedy="Let a column of one of the references be NULL.",
                )
            late += [(key, reference) for reference in _pending(waiting[key], waiting)]
            ready = [key]
        keys += ready
        for key in ready:
            del waiting[key]
    return Order(tuple(keys), tuple(late))


def _pending(shape: Shape, waiting: Mapping[Key, Shape]) -> list[Constraint]:
    """Return the references to other tables that are not filled yet; a table's own first row refers to nothing."""
    return [item for item in shape.references if item.target in waiting and item.target != shape.key]


def _can_wait(shape: Shape, waiting: Mapping[Key, Shape]) -> bool:
    return all(_may_be_null(shape, reference) for reference in _pending(shape, waiting))


def _may_be_null(shape: Shape, reference: Constraint) -> bool:
    nullable = [not shape.columns[name].is_not_null for name in reference.columns if name in shape.columns]
    return all(nullable) if reference.is_full else any(nullable)
