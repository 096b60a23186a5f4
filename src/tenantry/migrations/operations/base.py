"""The base classes of Tenantry's Alembic operations, each of which creates or drops one schema object.

An operation from autogenerate has the whole object, also for a drop, so that its reverse is exact. In a script, a drop
only names the object, because a script needs no reverse.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import TextClause, text

from tenantry.postgres.objects import DatabaseObject

__all__ = ["CreateOp", "DropOp", "ObjectOp", "run_statements", "statement"]


class ObjectOp(MigrateOperation):
    """An operation on one object.

    `verb` is its name on `alembic.op`. `positional` are the object's fields that a script passes by position.
    """

    verb: ClassVar[str]
    positional: ClassVar[tuple[str, ...]]
    # The fields that a script may pass by name; None means all.
    keywords: ClassVar[tuple[str, ...] | None] = None

    def __init__(self, item: DatabaseObject) -> None:
        self.item = item

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the tuple that `alembic check` prints."""
        return (self.verb, self.item)

    def written(self) -> Iterator[tuple[str, Any]]:
        """Yield the arguments in a script: positional fields with an empty name, then fields without default values."""
        fields = {field.name: field for field in dataclasses.fields(self.item)}  # type: ignore[arg-type]
        for name in self.positional:
            yield "", getattr(self.item, name)
        for name in fields if self.keywords is None else self.keywords:
            value = getattr(self.item, name)
            is_default = value is None or value == fields[name].default
            if name not in self.positional and not is_default and not self.follows(name):
                yield name, value

    def follows(self, _field: str) -> bool:
        """Return True if a field's value follows from the others, so that a script need not contain it."""
        return False


class CreateOp(ObjectOp):
    """Creates the object."""

    inverse: ClassVar[type[DropOp]]

    def reverse(self) -> MigrateOperation:
        """Return the operation that drops it."""
        return self.inverse(self.item)


class DropOp(ObjectOp):
    """Drops the object."""

    keywords: ClassVar[tuple[str, ...] | None] = ("schema",)
    inverse: ClassVar[type[CreateOp]]

    def reverse(self) -> MigrateOperation:
        """Return the operation that creates it as it was."""
        return self.inverse(self.item)


def statement(sql_text: str) -> TextClause:
    """Return a statement in which colons do not begin parameters."""
    return text(re.sub(":", r"\:", sql_text))


def run_statements(operations: Operations, *statements: str) -> None:
    """Run statements one by one, or print them in offline mode."""
    for each in statements:
        operations.execute(statement(each))


@Operations.implementation_for(CreateOp)
def _create(operations: Operations, operation: CreateOp) -> None:
    run_statements(operations, *operation.item.create())


@Operations.implementation_for(DropOp)
def _drop(operations: Operations, operation: DropOp) -> None:
    run_statements(operations, *operation.item.drop())
