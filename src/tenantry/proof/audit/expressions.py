"""Whether two SQL expressions mean the same to the server: the declared one and the one in the catalog.

The catalog prints a CHECK or a default in the server's own words, a model in its author's. Instead of guessing at
spellings, both are put into one EXPLAIN of the table, which the server prints back in one spelling. EXPLAIN plans and
executes nothing, so no row is read.

A round trip for each pair would take longer than all the rest on a schema of many tables. So a check that asks is told
"the same" at first, the open questions of many tables are put into one EXPLAIN, and the check runs again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.sql import qualified

__all__ = ["INSUFFICIENT_PRIVILEGE", "Comparison"]

INSUFFICIENT_PRIVILEGE = "42501"


# How many tables one statement asks about: fewer cost round trips, more cost the planner's memory.
TOGETHER = 50


class _Question(NamedTuple):
    table: tuple[str, str]
    declared: str
    found: str
    cast: str

    @property
    def pair(self) -> str:
        """Both as text, so that the questions of several tables can stand in one column of a UNION."""
        texts = (self.declared, self.found)
        return ", ".join(f"CAST(({text}) AS {self.cast})::text" if self.cast else f"({text})::text" for text in texts)


class Comparison:
    """The questions of one audit, and their answers; about the tables in `unreadable` nothing can be asked."""

    def __init__(self, connection: Connection, unreadable: Collection[tuple[str, str]] = ()) -> None:
        self._connection = connection
        self._unreadable = unreadable
        self._open: dict[_Question, None] = {}
        self._answers: dict[_Question, bool] = {}

    def is_same(self, table: tuple[str, str], declared: str, found: str, *, cast: str = "") -> bool:
        """Return whether both read the same over the table's columns, cast to one type where one is given.

        What was not asked before is taken for the same until `settle`.
        """
        if declared.strip() == found.strip() or table in self._unreadable:
            return True
        question = _Question(table, declared, found, cast)
        if question not in self._answers:
            self._open[question] = None
        return self._answers.get(question, True)

    def settle(self) -> bool:
        """Have the server answer what is open; return whether anything was."""
        by_table: dict[tuple[str, str], list[_Question]] = defaultdict(list)
        for question in self._open:
            by_table[question.table].append(question)
        self._open.clear()
        groups = list(by_table.values())
        for batch in (groups[start : start + TOGETHER] for start in range(0, len(groups), TOGETHER)):
            self._answer(batch)
        return bool(groups)

    def _answer(self, batch: Sequence[list[_Question]]) -> None:
        """Ask for a batch of tables; what the server refuses, or plans otherwise, is halved until it is one question.

        A column that an expression names is missing then, or of a type that does not fit: not the same. But who may not
        read the table cannot ask at all; that so much was not compared is a finding of its own.
        """
        answers, state = self._explain(batch)
        questions = [question for group in batch for question in group]
        if answers is not None:
            self._answers.update(zip(questions, answers, strict=True))
        elif len(batch) > 1:
            middle = len(batch) // 2
            self._answer(batch[:middle])
            self._answer(batch[middle:])
        elif len(questions) > 1 and state != INSUFFICIENT_PRIVILEGE:
            for question in questions:
                self._answer([[question]])
        else:
            self._answers.update(dict.fromkeys(questions, state == INSUFFICIENT_PRIVILEGE))

    def _explain(self, batch: Sequence[list[_Question]]) -> tuple[list[bool] | None, str | None]:
        """Return the answers in the order of the questions, or None and the SQLSTATE with which the server refused."""
        widest = max(map(len, batch))
        # Two statements cannot be smuggled in: the extended protocol, which asyncpg speaks, takes one at a time.
        statement = " UNION ALL ".join(_select(group, widest) for group in batch)
        savepoint = self._connection.begin_nested()
        try:
            explained = f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) {statement}"
            answer = self._connection.exec_driver_sql(explained).scalar_one()
        except DBAPIError as error:
            return None, sqlstate_of(error)
        finally:
            savepoint.rollback()
        plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        # Of several tables one may be left out that can hold no row, such as the parent of partitions.
        plans = plan.get("Plans", []) if len(batch) > 1 else [plan]
        if len(batch) > 1 and [(one.get("Schema"), one.get("Relation Name")) for one in plans] != [
            group[0].table for group in batch
        ]:
            return None, None
        outputs: list[list[str]] = [one.get("Output", []) for one in plans]
        if any(len(output) != 2 * widest for output in outputs):
            return None, None
        return [
            one == other
            for group, output in zip(batch, outputs, strict=True)
            for one, other in list(zip(output[::2], output[1::2], strict=True))[: len(group)]
        ], None


def _select(group: Sequence[_Question], widest: int) -> str:
    padding = ["NULL::text, NULL::text"] * (widest - len(group))
    pairs = ", ".join([*(question.pair for question in group), *padding])
    return f"SELECT {pairs} FROM ONLY {qualified(*group[0].table)}"  # noqa: S608  # quoted, or of a model
