"""Numbers, bit strings and vectors that fit into their columns."""

from __future__ import annotations

from tenantry.proof.rows.seed import Way, constant
from tenantry.proof.rows.shape import Type

__all__ = ["bit_ways", "number_ways", "vector_ways"]

# A modifier is precision and scale, plus VARHDRSZ.
_HEADER = 4


def number_ways(kind: Type) -> tuple[Way, ...]:
    """Return numbers of the type: small ones, usual bounds, fractions and negative ones."""
    most = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}.get(kind.name, 10**9)
    places = 0 if kind.name.startswith("int") else 2
    if kind.name == "numeric" and kind.modifier >= _HEADER:
        precision, places = (kind.modifier - _HEADER) >> 16, (kind.modifier - _HEADER) & 0x7FF
        most = min(most, 10 ** max(0, precision - places) - 1)
    wholes: tuple[Way, ...] = (
        lambda seed: str(seed.number % most + 1),
        *(constant(str(value)) for value in (0, 1, 2, 5, 10, 100, 1000, 10000, -1) if abs(value) <= most),
        lambda seed: str(-(seed.number % most) - 1),
        lambda seed: str((seed.number + 1) * 1000 % (most + 1)),
    )
    parts = 10 ** min(places, 4)
    # For a column between 0 and 1.
    fractions: tuple[Way, ...] = (
        lambda seed: f"{(seed.number % (parts - 1) + 1) / parts:.{min(places, 4)}f}",
        constant("0"),
    )
    return (*(wholes if most else ()), *(fractions if places else ()))


def bit_ways(kind: Type) -> tuple[Way, ...]:
    """Return bit strings of the column's length."""
    size = kind.modifier if kind.modifier > 0 else 8
    return (lambda seed: f"{(seed.number + 1) % 2**size:0{size}b}", constant("0" * size), constant("1" * size))


def vector_ways(kind: Type) -> tuple[Way, ...]:
    """Return vectors of the column's dimensions. Those of the first way differ in length and direction."""
    size = kind.modifier if kind.modifier > 0 else 3
    if kind.name == "sparsevec":
        return (lambda seed: f"{{{seed.number % size + 1}:{seed.number + 1}}}/{size}",)
    ones = ["1"] * (size - 1)
    unit = ["0"] * (size - 1)
    return (
        lambda seed: f"[{','.join([str(seed.number + 1), *ones])}]",
        lambda _seed: f"[{','.join(['1', *unit])}]",
        lambda _seed: f"[{','.join(['0', *unit])}]",
    )
