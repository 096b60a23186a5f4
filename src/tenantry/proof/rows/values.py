"""Values of every common type, in the text form that the type's input function reads.

A value is sent as a literal without a type, and the server converts it to the column's type. So no driver has to know
vectors, ranges or domains. Each type has several ways to make a value: the first is preferred, the others are for a
CHECK that refuses it. The values of one way differ from row to row where the type has room for that.
"""

from __future__ import annotations

from tenantry.proof.rows.numbers import bit_ways, number_ways, vector_ways
from tenantry.proof.rows.scalars import SCALARS, range_ways
from tenantry.proof.rows.seed import Seed, Way, constant, null
from tenantry.proof.rows.shape import Type
from tenantry.proof.rows.texts import text_ways

__all__ = ["array", "array_of", "ways_of"]


def ways_of(kind: Type) -> tuple[Way, ...]:
    """Return the ways to make a value of a type, the preferred one first. An unknown type has no way."""
    ways: tuple[Way, ...] = ()
    if kind.labels:
        ways = tuple(_label(kind.labels, place) for place in range(len(kind.labels)))
    elif kind.element is not None:
        ways = (*map(array, ways_of(kind.element)), constant("{}"))
    elif kind.bound is not None:
        ways = range_ways(kind, kind.bound)
    elif kind.fields:
        ways = (_record(kind.fields),)
    elif kind.is_text:
        ways = text_ways(kind)
    elif kind.name in {"numeric", "int2", "int4", "int8", "float4", "float8"}:
        ways = number_ways(kind)
    elif kind.name in {"bit", "varbit"}:
        ways = bit_ways(kind)
    elif kind.name in {"vector", "halfvec", "sparsevec"}:
        ways = vector_ways(kind)
    return ways or SCALARS.get(kind.name, ())


def array_of(values: list[str | None]) -> str:
    """Return an array's text form."""
    return "{" + ",".join("NULL" if value is None else _quoted(value) for value in values) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(*elements: Way) -> Way:
    """Return the way to make an array of the elements."""
    return lambda seed: array_of([way(seed) for way in elements])


def _label(labels: tuple[str, ...], place: int) -> Way:
    # The next label for each row, so that a key of the tenant and a label has room for more than one row.
    return lambda seed: labels[(seed.number + place) % len(labels)]


def _record(fields: tuple[Type, ...]) -> Way:
    """Return the way to make a row of a composite type."""
    ways = [(*ways_of(kind), null)[0] for kind in fields]

    def make(seed: Seed) -> str:
        values = [way(seed) for way in ways]
        return "(" + ",".join("" if value is None else _quoted(value) for value in values) + ")"

    return make
