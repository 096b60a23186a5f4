"""Which tenant table a statement names, for the guard of statements without a tenant.

Names of tables are also names of columns and SQL words (`status`, `name`, `order`). So a statement that SQLAlchemy
compiled is read by its FROM objects: tables, joins, subqueries, CTEs, and the joins of eager loads. In SQL text, a name
counts only where a table can stand, such as after FROM. The reader may find too much: a name in a string constant, or a
name with Unicode escapes (U&"..."), which could be any table. It does not find tables behind a view or a function;
there, the policy applies.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement, ColumnClause, TextClause
from sqlalchemy.sql.selectable import AliasedReturnsRows, SelectBase, TableClause, TextualSelect

from tenantry.tenancy.kinds import is_isolated

__all__ = ["TableFinder"]

# After the words of the first group follows a list of tables, after those of the second one table. The others end it.
_CLAUSE = re.compile(
    r"(?<![\w\"])(?:(?P<list>from|using(?!\s*\()|truncate|lock|table)"
    r"|(?P<one>into|update|join|only|copy|references)"
    r"|select|where|group|order|having|set|values|returning|on|limit|offset|window|union|intersect|except|fetch|for"
    r"|using)(?![\w\"])",
    re.IGNORECASE,
)
_DIRECTLY = re.compile(r"[\s(]*(?:(?:\"[^\"]+\"|\w+)\s*\.\s*)?\"?", re.IGNORECASE)


class TableFinder:
    """Finds the tenant table that a statement names, by its text and its compiled form."""

    def __init__(self, metadata: MetaData) -> None:
        self._names = {table.name for table in metadata.tables.values() if is_isolated(table)}
        self._by_lower = {name.lower(): name for name in self._names}
        # A quoted name doubles its inner quotes.
        spelled = "|".join(re.escape(name.replace('"', '""')) for name in sorted(self._names)) or r"(?!)"
        self._pattern = re.compile(rf"(?<!\w)(?P<name>{spelled})(?!\w)|(?<!\w)U&\"", re.IGNORECASE)
        self._in_text = functools.lru_cache(maxsize=1024)(self._find_in_text)
        self._mentions = functools.lru_cache(maxsize=1024)(self._find_word)

    def find(self, text: str, compiled: object) -> str | None:
        """Return the tenant table that a statement names, or None. `compiled` is SQLAlchemy's."""
        if not self._names or self._mentions(text) is None:
            return None
        elements = _elements(compiled)
        if elements is None:
            return self._in_text(text)
        return next((name for element in elements if (name := self._find_in_element(element)) is not None), None)

    def _find_word(self, text: str) -> str | None:
        match = self._pattern.search(text)
        return None if match is None else self._name(match)

    def _find_in_text(self, text: str) -> str | None:
        matches = (match for match in self._pattern.finditer(text) if match["name"] is None or _is_table(text, match))
        return next((self._name(match) for match in matches), None)

    def _find_in_element(self, element: Any) -> str | None:
        # A column names its table too: UPDATE and DELETE take further tables from their conditions.
        source = getattr(element, "table", None) if isinstance(element, ColumnClause) else element
        while isinstance(source, AliasedReturnsRows):
            source = source.element
        if isinstance(source, TableClause):
            return source.name if source.name in self._names else None
        text = _text(element)
        return None if text is None else self._find_word(text)

    def _name(self, match: re.Match[str]) -> str:
        spelled = (match["name"] or match[0]).replace('""', '"')
        return self._by_lower.get(spelled.lower(), spelled)


def _elements(compiled: object) -> Iterator[Any] | None:
    """Return all parts of a compiled SELECT, INSERT, UPDATE or DELETE; None for another statement."""
    if not isinstance(compiled, SQLCompiler) or not isinstance(compiled.statement, SelectBase | UpdateBase):
        return None
    if isinstance(compiled.statement, TextualSelect):
        return None
    return _walk(compiled)


def _walk(compiled: SQLCompiler) -> Iterator[Any]:
    # The ORM's own statement comes second: it has the joins of eager loads.
    for statement in (compiled.statement, getattr(compiled.compile_state, "statement", None)):
        if isinstance(statement, ClauseElement):
            yield from visitors.iterate(statement)
            yield getattr(statement, "table", None)


def _text(element: Any) -> str | None:
    """Return the SQL text that an element contributes; for a class that is not SQLAlchemy's, its compiled form."""
    if isinstance(element, TextClause):
        return element.text
    if isinstance(element, ColumnClause):
        return element.name if element.is_literal else None
    is_known = element is None or type(element).__module__.startswith("sqlalchemy.")
    return None if is_known else str(element)


def _is_table(statement: str, match: re.Match[str]) -> bool:
    """Return True if a name stands where SQL has a table."""
    is_quoted = statement[: match.start()].endswith('"')
    if match["name"].lower() in RESERVED_WORDS and not is_quoted:
        return False
    before = statement[: match.start()]
    clause = None
    for clause in _CLAUSE.finditer(before):  # noqa: B007
        pass
    if clause is None or clause["list"]:
        return clause is not None
    between = before[clause.end() :]
    return clause["one"] is not None and (
        _DIRECTLY.fullmatch(between) is not None or "/*" in between or "--" in between
    )
