"""How each column of a table gets its value, and what is tried next when a constraint refuses a row.

Each column has a list of ways to make a value, the likely ones first. The columns of one constraint change together,
and likely combinations come first. Constraints that share a column are solved as one. A combination that worked is kept
for the next row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tenantry.proof.rows.checks import ways_from
from tenantry.proof.rows.seed import Seed, Way, null
from tenantry.proof.rows.shape import Column, Shape
from tenantry.proof.rows.values import ways_of

__all__ = ["Choices", "default"]

# After so many combinations without success, every column that may be NULL is set to NULL.
_PATIENCE = 60
# The rank of NULL among a column's ways where a constraint has several columns: such a CHECK often says which of them
# must be NULL together.
_RANK_OF_NULL = 3


def default(_seed: Seed) -> str | None:
    """Leave the column to the database. This way is compared, and never called."""
    raise NotImplementedError


class Choices:
    """The ways of one table's columns, and the one that is chosen for each."""

    def __init__(self, shape: Shape) -> None:
        self._ways = {column.name: _ways(shape, column) for column in shape.columns.values()}
        self._chosen = {column.name: _first(column, self._ways[column.name]) for column in shape.columns.values()}
        self._searches: dict[frozenset[str], Iterator[dict[str, Way]]] = {}
        self._turned: frozenset[str] = frozenset()

    def way(self, column: str) -> Way:
        """Return how a column gets its value; NULL for a type without a way."""
        return self._chosen[column]

    def value_way(self, column: str) -> Way:
        """Return how a column gets a value that does not come from the database, as far as its type has such a way."""
        chosen = self._chosen[column]
        values = [way for way in self._ways[column] if way not in {default, null}]
        return values[0] if values and chosen in {default, null} else chosen

    def begin(self) -> None:
        """Begin a new row. What worked is kept, and every combination may be tried again."""
        self._searches, self._turned = {}, frozenset()

    def give_values(self, columns: Iterable[str]) -> bool:
        """Give a value to columns that are NULL or left to the database. Return whether there were any."""
        changed = False
        for name in columns:
            values = [way for way in self._ways.get(name, ()) if way not in {default, null}]
            if values and self._chosen[name] in {default, null}:
                self._chosen[name] = values[0]
                changed = True
        return changed

    def turn(self, columns: frozenset[str]) -> bool:
        """Go on to the next combination of the columns' ways. Return False when all were tried."""
        # A column belongs to one search at most, so one pass finds all searches that overlap.
        overlapping = [known for known in self._searches if known & columns]
        columns = columns.union(*overlapping)
        for known in overlapping:
            if known != columns:
                del self._searches[known]
        if not columns:
            return False
        self._turned = columns
        search = self._searches.setdefault(columns, self._combinations(sorted(columns)))
        found = next(search, None)
        if found is not None:
            self._chosen.update(found)
        return found is not None

    def turn_again(self) -> bool:
        """Go on from a combination that the database could not judge."""
        return self.turn(self._turned)

    def _combinations(self, columns: Sequence[str]) -> Iterator[dict[str, Way]]:
        """Yield combinations of ways, ordered by the sum of their places in the lists."""
        lists = [_with_null_early(self._ways[name]) if len(columns) > 1 else self._ways[name] for name in columns]
        tried = 0
        for total in range(sum(map(len, lists)) - len(lists) + 1):
            for ranks in _summing(total, [len(ways) for ways in lists]):
                if tried == _PATIENCE:
                    yield {name: null for name, ways in zip(columns, lists, strict=True) if null in ways}
                tried += 1
                yield {name: ways[rank] for name, ways, rank in zip(columns, lists, ranks, strict=True)}


def _ways(shape: Shape, column: Column) -> tuple[Way, ...]:
    """Return the ways of a column: what its checks suggest, its default, the values of its type, and NULL last."""
    definitions = [item.definition for item in shape.checks if column.name in item.columns]
    definitions += [text for checks in column.type.all_domains.values() for text in checks.values()]
    # All checks together, because one may give the lower bound and another the upper.
    suggested = ways_from(" AND ".join(definitions), column.type)
    left_out = (default,) if column.has_default else ()
    last = () if column.is_not_null else (null,)
    return (*suggested, *left_out, *ways_of(column.type), *last)


def _first(column: Column, ways: tuple[Way, ...]) -> Way:
    """Return the way of a column until a constraint objects: its default, or the first way of its type."""
    usual = (default,) if column.has_default else ways_of(column.type)
    return (*usual, *ways, null)[0]


def _with_null_early(ways: tuple[Way, ...]) -> tuple[Way, ...]:
    if null not in ways:
        return ways
    values = [way for way in ways if way is not null]
    return (*values[:_RANK_OF_NULL], null, *values[_RANK_OF_NULL:])


def _summing(total: int, sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the tuples of as many numbers as `sizes`, each below its size, that add up to `total`."""
    if not sizes:
        if total == 0:
            yield ()
        return
    for first in range(min(total, sizes[0] - 1) + 1):
        for rest in _summing(total - first, sizes[1:]):
            yield (first, *rest)
