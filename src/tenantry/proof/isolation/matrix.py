"""The tries as a matrix to look at: attacks by family, tables beside each other, and in each cell the worst outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from tenantry.proof.isolation.attack import TABLE_ATTACKS, all_attacks
from tenantry.proof.isolation.verdict import Outcome, Try

__all__ = ["Cell", "Row", "group_rows", "other_tries"]

# The worst first. A cell of which a part was skipped shows what became of the rest.
_GRAVITY = (Outcome.BREACH, Outcome.LIMIT, Outcome.BLOCKED, Outcome.SKIPPED)


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One attack on one table in all its stances; `title` says what became of each."""

    outcome: Outcome
    title: str


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One attack on all tables."""

    attack: str
    sentence: str
    cells: dict[str, Cell]


def group_rows(tries: Iterable[Try]) -> tuple[tuple[str, ...], list[tuple[str, list[Row]]]]:
    """Return the tables, and the attacks on them by family, in the order of the catalogue."""
    found: dict[str, dict[str, list[Try]]] = {}
    for one in tries:
        if one.attack in TABLE_ATTACKS:
            found.setdefault(one.attack, {}).setdefault(one.object, []).append(one)
    tables = sorted({table for objects in found.values() for table in objects})
    groups: dict[str, list[Row]] = {}
    for name, attack in TABLE_ATTACKS.items():
        if name in found:
            cells = {table: _cell(several) for table, several in found[name].items()}
            groups.setdefault(attack.family, []).append(Row(name, f"tries to {attack.sentence}", cells))
    return tuple(tables), list(groups.items())


def other_tries(tries: Iterable[Try]) -> list[Try]:
    """Return the tries that are not of a table's row, the worst first, then in the order of the catalogue."""
    order = {attack.name: number for number, attack in enumerate(all_attacks())}
    others = [one for one in tries if one.attack not in TABLE_ATTACKS]
    return sorted(others, key=lambda one: (_GRAVITY.index(one.outcome), order.get(one.attack, len(order))))


def _cell(several: Sequence[Try]) -> Cell:
    worst = min((one.outcome for one in several), key=_GRAVITY.index)
    lines = [": ".join(filter(None, (one.stance, str(one.outcome), one.detail))) for one in several]
    return Cell(worst, "\n".join(lines))
