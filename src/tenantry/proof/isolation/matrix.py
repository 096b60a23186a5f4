"""The results as a matrix: a row for each attack, a column for each table, and the worst outcome in each cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from tenantry.proof.isolation.attack import TABLE_ATTACKS, all_attacks
from tenantry.proof.isolation.verdict import AttackResult, Outcome

__all__ = ["Cell", "Row", "group_rows", "other_results"]

# A cell with several results shows the first of these outcomes; `skipped` only if all of them were skipped.
_WORST_FIRST = (Outcome.BREACH, Outcome.LIMIT, Outcome.BLOCKED, Outcome.SKIPPED)


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One attack on one table in all its bindings. `title` has a line for each."""

    outcome: Outcome
    title: str


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One attack on all tables."""

    attack: str
    sentence: str
    cells: dict[str, Cell]


def group_rows(results: Iterable[AttackResult]) -> tuple[tuple[str, ...], list[tuple[str, list[Row]]]]:
    """Return the tables, and the attacks on them by family, in the order of the catalogue."""
    found: dict[str, dict[str, list[AttackResult]]] = {}
    for one in results:
        if one.attack in TABLE_ATTACKS:
            found.setdefault(one.attack, {}).setdefault(one.object, []).append(one)
    tables = sorted({table for objects in found.values() for table in objects})
    groups: dict[str, list[Row]] = {}
    for name, attack in TABLE_ATTACKS.items():
        if name in found:
            cells = {table: _cell(several) for table, several in found[name].items()}
            groups.setdefault(attack.family, []).append(Row(name, f"tries to {attack.sentence}", cells))
    return tuple(tables), list(groups.items())


def other_results(results: Iterable[AttackResult]) -> list[AttackResult]:
    """Return the results that are not about a table, the worst first, then in the order of the catalogue."""
    order = {attack.name: number for number, attack in enumerate(all_attacks())}
    others = [one for one in results if one.attack not in TABLE_ATTACKS]
    return sorted(others, key=lambda one: (_WORST_FIRST.index(one.outcome), order.get(one.attack, len(order))))


def _cell(several: Sequence[AttackResult]) -> Cell:
    worst = min((one.outcome for one in several), key=_WORST_FIRST.index)
    lines = [": ".join(filter(None, (one.binding, str(one.outcome), one.detail))) for one in several]
    return Cell(worst, "\n".join(lines))
