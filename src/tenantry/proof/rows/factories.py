"""Functions of a service that return values for a row which cannot be made up."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tenantry import errors
from tenantry.proof.rows.shape import Shape, Type
from tenantry.proof.rows.values import array_of

__all__ = ["Factory", "call_factory"]

# Takes the tenant as text ('' in a table without tenants) and the row's number, from 1. Returns values by column.
Factory: TypeAlias = Callable[[str, int], Mapping[str, Any]]


def call_factory(factory: Factory, shape: Shape, tenant: str, number: int) -> dict[str, str | None]:
    """Return the values of a factory in PostgreSQL's text form.

    Raises:
        ConfigurationError: it names a column that the table does not have, or that only the database may write.
    """
    given = factory(tenant, number)
    unknown = sorted(set(given) - set(shape.columns))
    if unknown:
        raise errors.ConfigurationError(
            f"The factory of table {'.'.join(shape.key)} gives a value for {unknown[0]!r}.",
            why="The table has no such column, or the database generates it.",
            remedy=f"Remove {unknown[0]!r} from the values that the factory returns.",
        )
    return {name: _text(value, shape.columns[name].type) for name, value in given.items()}


def _text(value: Any, kind: Type) -> str | None:
    """Write a Python value as the type's input function reads it."""
    if value is None or isinstance(value, str):
        return value
    if kind.name in {"json", "jsonb"}:
        return json.dumps(value)
    if isinstance(value, list | tuple) and kind.element is not None:
        return array_of([_text(item, kind.element) for item in value])
    return next((write(value) for python, write in _WRITERS.items() if isinstance(value, python)), str(value))


_WRITERS: Mapping[type[Any], Callable[[Any], str]] = {
    enum.Enum: lambda value: value.name,
    bool: lambda value: str(value).lower(),
    bytes: lambda value: f"\\x{value.hex()}",
    dt.timedelta: lambda value: f"{value.total_seconds()} seconds",
}
