"""Tables: partition key, storage parameters, persistence and comment, each against its declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import Table

from tenantry.postgres.tables.columns import Row
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import Key, key_of
from tenantry.postgres.tables.indexes import same_options
from tenantry.sql import literal, qualified

__all__ = ["TableDifference", "table_differences"]

_PARTITION_KEY = re.compile(r"^\s*(\w+)\s*\((.*)\)\s*$", re.DOTALL)


class TableDifference(NamedTuple):
    """One property of a table that differs; `change` and `undo` are statements, None if PostgreSQL cannot change it."""

    aspect: Literal["partition key", "storage parameters", "persistence", "comment"]
    declared: str | None
    found: str | None
    change: str | None = None
    undo: str | None = None


def table_differences(table: Table, row: Row, comparison: Comparison) -> Iterator[TableDifference]:
    """Yield the properties that differ; the comparison must be settled, see there."""
    key = key_of(table)
    options = table.dialect_options["postgresql"]
    partition_key = options.get("partition_by")
    if not _is_same_partition_key(key, partition_key, row["partition_key"], comparison):
        yield TableDifference("partition key", partition_key, row["partition_key"])
    storage: dict[str, Any] = dict(options.get("with") or {})
    if not same_options(storage, row["options"]):
        found = {name: value for name, _, value in (entry.partition("=") for entry in row["options"])}
        wanted, there = _options(storage) or None, _options(found) or None
        change, undo = _set(key, found, storage), _set(key, storage, found)
        yield TableDifference("storage parameters", wanted, there, change, undo)
    is_unlogged = "UNLOGGED" in {prefix.upper() for prefix in table._prefixes}  # noqa: SLF001  # no public name
    if is_unlogged != row["is_unlogged"]:
        words = ["UNLOGGED", "LOGGED"] if is_unlogged else ["LOGGED", "UNLOGGED"]
        change, undo = (f"ALTER TABLE {qualified(*key)} SET {word}" for word in words)
        yield TableDifference("persistence", words[0], words[1], change, undo)
    if (table.comment or None) != row["comment"]:
        texts = (table.comment or None, row["comment"])
        change, undo = (
            f"COMMENT ON TABLE {qualified(*key)} IS {'NULL' if text is None else literal(text)}" for text in texts
        )
        yield TableDifference("comment", texts[0], texts[1], change, undo)


def _is_same_partition_key(key: Key, declared: str | None, found: str | None, comparison: Comparison) -> bool:
    if declared is None or found is None:
        return declared is found
    wanted, there = _PARTITION_KEY.match(declared), _PARTITION_KEY.match(found)
    if wanted is None or there is None:
        return declared == found
    is_same_strategy = wanted[1].upper() == there[1].upper()
    return is_same_strategy and comparison.is_same(key, f"ROW({wanted[2]})", f"ROW({there[2]})")


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in sorted(options.items()))


def _value(value: object) -> object:
    return {True: "true", False: "false", None: "true"}.get(value, value) if isinstance(value, bool | None) else value


def _set(key: Key, old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return the statement that changes the storage parameters from `old` to `new`."""
    dropped = ", ".join(sorted(old.keys() - new.keys()))
    clauses = [f"SET ({_options(new)})" if new else "", f"RESET ({dropped})" if dropped else ""]
    return f"ALTER TABLE {qualified(*key)} {', '.join(filter(None, clauses))}"
