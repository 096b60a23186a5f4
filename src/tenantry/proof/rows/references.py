"""What the references of a row point at: a row of the same tenant, or of a table that belongs to nobody.

Several references of one row may share columns, the tenant's above all. So they are chosen one after the other, and
each agrees with what is chosen already.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry.proof.rows.rows import TextRow
from tenantry.proof.rows.seed import Seed
from tenantry.proof.rows.shape import Constraint, Key, Shape
from tenantry.proof.rows.values import ways_of

__all__ = ["Rows"]

# The first row of a table that must refer to itself has a key of ours, beyond those that a sequence gives next.
_BEYOND = 1_000_000

_Given = dict[str, str | None]


@dataclasses.dataclass(slots=True)
class Rows:
    """The rows that references can take, by table and by tenant; '' is the tenant of what belongs to nobody."""

    by_table: dict[Key, dict[str, list[TextRow]]] = dataclasses.field(default_factory=dict)

    def of(self, table: Key, tenant: str) -> list[TextRow]:
        """Return the list of a tenant's rows in a table, to be read and to be added to."""
        return self.by_table.setdefault(table, {}).setdefault(tenant, [])

    def refer(
        self, shape: Shape, given: Mapping[str, str | None], tenant: str, number: int, late: tuple[Constraint, ...] = ()
    ) -> _Given:
        """Return what is given with the columns of every reference; those in `late` are NULL for now."""
        chosen = dict(given)
        for reference in shape.references:
            if reference in late:
                chosen |= _nulls(shape, reference, chosen)
            else:
                chosen |= self.choose(shape, reference, chosen, tenant, number)
        return chosen

    def choose(
        self, shape: Shape, reference: Constraint, chosen: Mapping[str, str | None], tenant: str, number: int
    ) -> _Given:
        """Return the columns of one reference that are not chosen yet; another row of its target for another number."""
        pairs = dict(zip(reference.columns, reference.target_columns, strict=True))
        fitting = [
            row
            for row in (*self.of(reference.target, tenant), *(self.of(reference.target, "") if tenant else ()))
            if all(row[target] == chosen[name] for name, target in pairs.items() if name in chosen)
        ]
        if fitting:
            row = fitting[number % len(fitting)]
            return {name: row[target] for name, target in pairs.items() if name not in chosen}
        nulls = _nulls(shape, reference, chosen)
        if nulls or reference.target != shape.key:
            return nulls
        return _refer_to_itself(shape, pairs, chosen, number)


def _nulls(shape: Shape, reference: Constraint, chosen: Mapping[str, str | None]) -> _Given:
    names = [name for name in reference.columns if name not in chosen]
    return {name: None for name in names if name in shape.columns and not shape.columns[name].is_not_null}


def _refer_to_itself(shape: Shape, pairs: Mapping[str, str], chosen: Mapping[str, str | None], number: int) -> _Given:
    """Return a key for the row that refers to it, where none may be NULL and no row is there yet."""
    given: _Given = {}
    for name, target in pairs.items():
        ways = ways_of(shape.columns[target].type) if target in shape.columns else ()
        if name not in chosen and ways:
            given[name] = given[target] = chosen.get(target) or ways[0](Seed(_BEYOND + number, "key"))
    return given
