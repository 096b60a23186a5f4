"""Which rows the references of a new row refer to: rows of the same tenant, or of a table without tenants.

Several references of one row may share columns, the tenant column above all. So they are chosen one after the other,
and each agrees with the values that are chosen already.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry.proof.rows.fill_order import Order
from tenantry.proof.rows.row_writer import TextRow
from tenantry.proof.rows.shape import Constraint, Key, Shape

__all__ = ["Fixed", "Rows"]


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    """What is decided about a new row before its other columns are made up.

    Attributes:
        values: by column, in PostgreSQL's text form.
        copies: columns that repeat the value of another column, with that column.
        ahead: columns that hold the key of a row which is written later.
    """

    values: dict[str, str | None]
    copies: Mapping[str, str]
    ahead: frozenset[str]


@dataclasses.dataclass(slots=True)
class Rows:
    """The rows that references can refer to, by table and by tenant; '' is the tenant of a table without tenants."""

    by_table: dict[Key, dict[str, list[TextRow]]] = dataclasses.field(default_factory=dict)

    def of(self, table: Key, tenant: str) -> list[TextRow]:
        """Return the list of a tenant's rows in a table. The caller may add to it."""
        return self.by_table.setdefault(table, {}).setdefault(tenant, [])

    def refer(self, shape: Shape, fixed: Mapping[str, str | None], tenant: str, number: int, order: Order) -> Fixed:
        """Return the fixed values of a new row, those of its references among them.

        A reference that is filled in at the end is NULL. The columns of a deferred one are left to the writer: the row
        that it refers to does not exist yet, so that any value will do.
        """
        values = dict(fixed)
        copies: dict[str, str] = {}
        ahead: set[str] = set()
        nullable, deferred = order.nullable_of(shape.key), order.deferred_of(shape.key)
        for reference in shape.references:
            if reference in nullable:
                values |= _nulls(shape, reference, values)
            elif reference in deferred:
                ahead.update(reference.columns)
            else:
                chosen = self.choose(shape, reference, values, tenant, number)
                values |= chosen
                if not chosen and reference.target == shape.key and not self.find(reference, values, tenant):
                    copies |= _copies(shape, reference, values)
        return Fixed(values, copies, frozenset(ahead - set(values)))

    def choose(
        self, shape: Shape, reference: Constraint, values: Mapping[str, str | None], tenant: str, number: int
    ) -> dict[str, str | None]:
        """Return the columns of one reference that have no value yet: NULL where no row fits and NULL is allowed.

        Another number chooses another of the rows that fit.
        """
        fitting = self.find(reference, values, tenant)
        if fitting:
            row = fitting[number % len(fitting)]
            return {name: row[target] for name, target in _pairs(reference) if name not in values}
        return _nulls(shape, reference, values)

    def find(self, reference: Constraint, values: Mapping[str, str | None], tenant: str) -> list[TextRow]:
        """Return the rows that a reference can refer to without a change of the values that are given."""
        rows = [*self.of(reference.target, tenant), *(self.of(reference.target, "") if tenant else ())]
        pairs = [(name, target) for name, target in _pairs(reference) if name in values]
        return [row for row in rows if all(row[target] == values[name] for name, target in pairs)]

    def promised(self, shape: Shape, tenant: str, number: int, order: Order) -> dict[str, str | None]:
        """Return the key that earlier rows expect of a new row: their deferred references have its value already."""
        found: dict[str, str | None] = {}
        for key, reference in order.deferred:
            rows = self.of(key, tenant)
            if reference.target != shape.key or number >= len(rows):
                continue
            promise = {target: rows[number][name] for name, target in _pairs(reference) if target in shape.columns}
            if all(found.get(name, value) == value for name, value in promise.items()):
                found |= promise
        return found


def _pairs(reference: Constraint) -> list[tuple[str, str]]:
    return list(zip(reference.columns, reference.target_columns, strict=True))


def _nulls(shape: Shape, reference: Constraint, values: Mapping[str, str | None]) -> dict[str, str | None]:
    names = [name for name in reference.columns if name not in values]
    return {name: None for name in names if name in shape.columns and not shape.columns[name].is_not_null}


def _copies(shape: Shape, reference: Constraint, values: Mapping[str, str | None]) -> dict[str, str]:
    """Return which columns repeat which, so that a row refers to itself."""
    pairs = [(name, target) for name, target in _pairs(reference) if name not in values and target in shape.columns]
    return {name: target for name, target in pairs if name != target}
