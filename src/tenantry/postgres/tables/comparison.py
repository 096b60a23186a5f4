"""Compares two SQL expressions, or two types, by meaning: the declared one and the one in the catalog.

The catalog has the server's spelling of a CHECK or a default, a model has its author's. So both become columns of one
EXPLAIN, which the server prints in one spelling. EXPLAIN only plans the statement, so no row is read.

A round trip for each pair would be slow on a schema of many tables. So `is_same` first answers True and remembers the
question, `settle` sends the questions of many tables in one EXPLAIN, and the check runs again with the answers.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.sql import qualified

__all__ = ["INSUFFICIENT_PRIVILEGE", "Comparison"]

INSUFFICIENT_PRIVILEGE = "42501"

# Tables in one statement: fewer tables need more round trips, more tables need more of the planner's memory.
TOGETHER = 50

# Pairs in one SELECT, which has at most 1,664 columns.
WIDEST = 400

# The planner drops COLLATE from what it prints, so explicit collations are compared beside.
_COLLATE = re.compile(r'\bCOLLATE\s+(?:"?\w+"?\.)?("(?:[^"]|"")+"|\w+)', re.IGNORECASE)

# Where the columns of an expression come from: a table, or a query that is no table.
_Source = tuple[str, str]


class _Question(NamedTuple):
    source: _Source
    declared: str
    found: str
    cast: str

    @property
    def is_of_table(self) -> bool:
        return self.source[0] != ""

    @property
    def pair(self) -> str:
        """Both expressions as text, so that the questions of several tables fit into the same columns of a UNION."""
        texts = (self.declared, self.found)
        if not self.is_of_table:
            return ", ".join(texts)
        return ", ".join(f"CAST(({text}) AS {self.cast})::text" if self.cast else f"({text})::text" for text in texts)


class Comparison:
    """The questions of one comparison, and their answers; expressions of `unreadable` tables are never compared."""

    def __init__(self, connection: Connection, unreadable: Collection[tuple[str, str]] = ()) -> None:
        self._connection = connection
        self._unreadable = unreadable
        self._open: dict[_Question, None] = {}
        self._answers: dict[_Question, bool] = {}

    def is_same(self, table: tuple[str, str], declared: str, found: str, *, cast: str = "") -> bool:
        """Return whether both expressions mean the same on the table's columns, cast to `cast` where one is given.

        The answer to a new question is True until `settle`.
        """
        if declared.strip() == found.strip() or table in self._unreadable:
            return True
        return _collations(declared) == _collations(found) and self._ask(_Question(table, declared, found, cast))

    def is_same_type(self, declared: str, found: str) -> bool:
        """Return whether both are names of one type, with the same modifiers."""
        return declared == found or self._ask(_Question(("", ""), _null(declared), _null(found), ""))

    def is_same_value(self, data_type: str, declared: str, found: str) -> bool:
        """Return whether both constants are the same value of a type."""
        values = [f"CAST(({text}) AS {data_type})" for text in (declared, found)]
        return declared == found or self._ask(_Question(("", ""), values[0], values[1], ""))

    def is_same_check(self, data_type: str, declared: str, found: str) -> bool:
        """Return whether both checks of a domain over `data_type` mean the same; they call the value VALUE."""
        # OFFSET prevents that the planner replaces the column by its value.
        source = ("", f" FROM (SELECT CAST(NULL AS {data_type}) AS value OFFSET 0) AS domain")
        return declared == found or self._ask(_Question(source, declared, found, ""))

    def _ask(self, question: _Question) -> bool:
        if question not in self._answers:
            self._open[question] = None
        return self._answers.get(question, True)

    def settle(self) -> bool:
        """Send the open questions to the server; return whether there was one."""
        by_source: dict[_Source, list[_Question]] = defaultdict(list)
        for question in self._open:
            by_source[question.source].append(question)
        self._open.clear()
        groups = [
            group[start : start + WIDEST] for group in by_source.values() for start in range(0, len(group), WIDEST)
        ]
        for batch in _batches(groups):
            self._answer(batch)
        return bool(groups)

    def _answer(self, batch: Sequence[list[_Question]]) -> None:
        """Ask about a batch of tables; halve it until one question is left if the server refuses the statement.

        The server refuses an expression that names a missing column, or a column of a type that does not fit: it is not
        the same. A role that may not read the table cannot ask; `not_compared` reports that.
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
        """Return the answers in the order of the questions, or None and the SQLSTATE of the server's refusal."""
        widest = max(map(len, batch))
        # An expression cannot add a second statement: asyncpg's extended protocol takes one statement at a time.
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
        # The plan may leave out a table that can hold no row, such as the parent of partitions.
        plans = plan.get("Plans", []) if len(batch) > 1 else [plan]
        if len(batch) > 1 and [(one.get("Schema"), one.get("Relation Name")) for one in plans] != [
            group[0].source for group in batch
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


def _null(data_type: str) -> str:
    return f"CAST(NULL AS {data_type})"


def _batches(groups: Sequence[list[_Question]]) -> Iterator[Sequence[list[_Question]]]:
    """Yield the groups about tables together, because their plans name the tables, and each other group alone."""
    tables = [group for group in groups if group[0].is_of_table]
    yield from (tables[start : start + TOGETHER] for start in range(0, len(tables), TOGETHER))
    yield from ([group] for group in groups if not group[0].is_of_table)


def _select(group: Sequence[_Question], widest: int) -> str:
    padding = ["NULL::text, NULL::text"] * (widest - len(group))
    pairs = ", ".join([*(question.pair for question in group), *padding])
    source = f" FROM ONLY {qualified(*group[0].source)}" if group[0].is_of_table else group[0].source[1]
    return f"SELECT {pairs}{source}"  # quoted, or of a model


def _collations(expression: str) -> list[str]:
    return [name.strip('"').lower() for name in _COLLATE.findall(expression)]
