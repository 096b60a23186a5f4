"""Alembic's operations on what a comparison found in the catalog, with an exact reverse.

Alembic makes the reverse of a drop from what SQLAlchemy's reflection knows. Here the reverse is the definition that
PostgreSQL printed. In a script, each of them is an operation of Alembic, or `op.execute`.
"""

from __future__ import annotations

from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy.sql.elements import conv

__all__ = ["AlterTypeOp", "DropFoundConstraintOp", "DropFoundIndexOp", "DropFoundTableOp", "SQLOp"]

# The names of `DropConstraintOp.constraint_type`, by pg_constraint.contype.
_CONSTRAINT_TYPES = {"p": "primary", "u": "unique", "c": "check", "f": "foreignkey", "x": None}


class SQLOp(ops.ExecuteSQLOp):
    """A statement, whose reverse is another operation; None if the reverse of an earlier operation includes it.

    `about` is the object as a finding of the audit names it.
    """

    sqltext: str

    def __init__(self, sqltext: str, undo: MigrateOperation | None, about: str = "") -> None:
        super().__init__(sqltext)
        self.undo, self.about = undo, about

    @classmethod
    def pair(cls, sqltext: str, undo: str, about: str) -> SQLOp:
        """Return the statement with the statement that undoes it."""
        back = cls(undo, None, about)
        back.undo = forth = cls(sqltext, back, about)
        return forth

    def reverse(self) -> MigrateOperation:
        """Return the operation that undoes the statement."""
        return self.undo or ops.ModifyTableOps("", [])

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the tuple that `alembic check` prints."""
        return ("execute", self.sqltext)


class DropFoundConstraintOp(ops.DropConstraintOp):
    """Drops a constraint; `definition` is the statement that makes it again."""

    def __init__(self, name: str, table_name: str, kind: str, schema: str | None, definition: str) -> None:
        super().__init__(conv(name), table_name, _CONSTRAINT_TYPES[kind], schema=schema)
        self.definition = definition

    def reverse(self) -> MigrateOperation:  # type: ignore[override]
        """Return the operation that makes the constraint again."""
        return SQLOp(self.definition, self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the tuple that `alembic check` prints."""
        return ("remove_constraint", self.definition)


class DropFoundIndexOp(ops.DropIndexOp):
    """Drops an index; `definition` is the statement that makes it again."""

    def __init__(self, name: str, table_name: str, schema: str | None, definition: str) -> None:
        super().__init__(name, table_name, schema=schema)
        self.definition = definition

    def reverse(self) -> MigrateOperation:  # type: ignore[override]
        """Return the operation that makes the index again."""
        return SQLOp(self.definition, self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the tuple that `alembic check` prints."""
        return ("remove_index", self.definition)


class DropFoundTableOp(ops.DropTableOp):
    """Drops a table; `parts` make its sequences, constraints and indexes again, after the table itself."""

    parts: tuple[MigrateOperation, ...] = ()

    def reverse(self) -> MigrateOperation:  # type: ignore[override]
        """Return the operations that make the table again."""
        return ops.ModifyTableOps(self.table_name, [super().reverse(), *self.parts], schema=self.schema)


class AlterTypeOp(ops.AlterColumnOp):
    """Changes a column's type; `using` and `undo_using` convert the values where PostgreSQL does not do it unasked."""

    def __init__(
        self, table_name: str, column_name: str, *, using: str = "", undo_using: str = "", **keywords: Any
    ) -> None:
        super().__init__(table_name, column_name, **keywords)
        self.using, self.undo_using = using, undo_using

    def reverse(self) -> ops.AlterColumnOp:
        """Return the operation that restores the type."""
        back = super().reverse()
        assert isinstance(back, AlterTypeOp)
        back.using, back.undo_using = self.undo_using, self.using
        return back
