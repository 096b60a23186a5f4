"""`op.create_sequence`, `op.alter_sequence`, `op.drop_sequence`, `op.create_serial` and `op.drop_serial`."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import CreateOp, DropOp, ObjectOp, run_statements
from tenantry.postgres.objects import Sequence, Serial

__all__ = ["AlterSequenceOp", "CreateSequenceOp", "CreateSerialOp", "DropSequenceOp", "DropSerialOp"]

# The server fills in these fields if a script does not contain them.
_FILLED_IN = ("start", "minimum", "maximum")


class SequenceOp(ObjectOp):
    """An operation with a sequence's options; limits that follow from its type are not written."""

    positional: ClassVar[tuple[str, ...]] = ("name",)
    item: Sequence

    def follows(self, field: str) -> bool:
        """Return True if the server would fill in the same value."""
        return field in _FILLED_IN and dataclasses.replace(self.item, **{field: None}) == self.item  # type: ignore[arg-type]


@Operations.register_operation("create_sequence")
class CreateSequenceOp(SequenceOp, CreateOp):
    """Creates a sequence."""

    verb = "create_sequence"

    @classmethod
    def create_sequence(
        cls,
        operations: Operations,
        name: str,
        *,
        schema: str = "public",
        data_type: str = "bigint",
        start: int | None = None,
        increment: int = 1,
        minimum: int | None = None,
        maximum: int | None = None,
        cache: int = 1,
        cycle: bool = False,
    ) -> None:
        """Create a sequence; a missing limit is the server's default for the type."""
        item = Sequence(name, schema, data_type, start, increment, minimum, maximum, cache, cycle)
        operations.invoke(cls(item))


@Operations.register_operation("alter_sequence")
class AlterSequenceOp(SequenceOp):
    """Changes a sequence's options; `previous` is the sequence before, for the reverse."""

    verb = "alter_sequence"

    def __init__(self, item: Sequence, previous: Sequence | None = None) -> None:
        super().__init__(item)
        self.previous = previous

    def reverse(self) -> MigrateOperation:
        """Return the operation that restores the previous options."""
        assert self.previous is not None
        return AlterSequenceOp(self.previous, self.item)

    @classmethod
    def alter_sequence(
        cls,
        operations: Operations,
        name: str,
        *,
        schema: str = "public",
        data_type: str = "bigint",
        start: int | None = None,
        increment: int = 1,
        minimum: int | None = None,
        maximum: int | None = None,
        cache: int = 1,
        cycle: bool = False,
    ) -> None:
        """Set a sequence's options, and the server's defaults for missing ones; its last value is kept."""
        item = Sequence(name, schema, data_type, start, increment, minimum, maximum, cache, cycle)
        operations.invoke(cls(item))


@Operations.register_operation("drop_sequence")
class DropSequenceOp(DropOp):
    """Drops a sequence."""

    verb = "drop_sequence"
    positional = ("name",)
    inverse = CreateSequenceOp

    @classmethod
    def drop_sequence(cls, operations: Operations, name: str, *, schema: str = "public") -> None:
        """Drop a sequence with its last value."""
        operations.invoke(cls(Sequence(name, schema)))


CreateSequenceOp.inverse = DropSequenceOp


@Operations.register_operation("create_serial")
class CreateSerialOp(CreateOp):
    """Makes an existing column serial: a sequence that it owns, and nextval() as its default."""

    verb = "create_serial"
    positional = ("table", "column", "sequence")

    @classmethod
    def create_serial(
        cls,
        operations: Operations,
        table: str,
        column: str,
        sequence: str,
        *,
        data_type: str = "integer",
        schema: str = "public",
    ) -> None:
        """Create a sequence that the column owns, starting after its largest value, and make it the default."""
        operations.invoke(cls(Serial(table, column, sequence, data_type, schema)))


@Operations.register_operation("drop_serial")
class DropSerialOp(DropOp):
    """Drops a column's default and the sequence in it."""

    verb = "drop_serial"
    positional = ("table", "column", "sequence")
    inverse = CreateSerialOp

    @classmethod
    def drop_serial(
        cls, operations: Operations, table: str, column: str, sequence: str, *, schema: str = "public"
    ) -> None:
        """Drop a column's default and the sequence in it."""
        operations.invoke(cls(Serial(table, column, sequence, schema=schema)))


CreateSerialOp.inverse = DropSerialOp


@Operations.implementation_for(AlterSequenceOp)
def _alter(operations: Operations, operation: AlterSequenceOp) -> None:
    run_statements(operations, *operation.item.alter())
