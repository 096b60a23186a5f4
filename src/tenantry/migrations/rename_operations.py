"""The operations that rename: Alembic's `op.rename_table` and `op.execute` in a script, with an exact reverse."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops

from tenantry.sql import identifier, qualified

__all__ = ["RenameOp", "StatementRenameOp", "TableRenameOp", "rename_statement"]


class TableRenameOp(ops.RenameTableOp):
    """Renames a table. A revision's later readers look for `op.rename_table`."""

    def reverse(self) -> TableRenameOp:
        """Return the operation that renames back."""
        return TableRenameOp(self.new_table_name, self.table_name, schema=self.schema)

    @property
    def label(self) -> str:
        """The line of the summary."""
        return f"rename table {self.table_name} to {self.new_table_name}"


class StatementRenameOp(ops.ExecuteSQLOp):
    """A statement that renames, which knows its reverse."""

    def __init__(self, label: str, forwards: str, backwards: str) -> None:
        super().__init__(forwards)
        self.label = label
        self._backwards = backwards

    def reverse(self) -> StatementRenameOp:
        """Return the operation that renames back."""
        return StatementRenameOp(self.label, self._backwards, str(self.sqltext))

    @classmethod
    def of(cls, kind: Literal["INDEX", "SEQUENCE"], schema: str, old: str, new: str) -> Self:
        """Return the operation that renames an object of a schema."""
        statement = f"ALTER {kind} {{}} RENAME TO {{}}"
        return cls(
            f"rename {kind.lower()} {old} to {new}",
            statement.format(qualified(schema, old), identifier(new)),
            statement.format(qualified(schema, new), identifier(old)),
        )

    @classmethod
    def within(cls, kind: Literal["COLUMN", "CONSTRAINT"], schema: str, table: str, old: str, new: str) -> Self:
        """Return the operation that renames a part of a table."""
        statement = f"ALTER TABLE {qualified(schema, table)} RENAME {kind} {{}} TO {{}}"
        return cls(
            f"rename {kind.lower()} {table}.{old} to {new}",
            statement.format(identifier(old), identifier(new)),
            statement.format(identifier(new), identifier(old)),
        )


RenameOp: TypeAlias = TableRenameOp | StatementRenameOp


def rename_statement(operation: RenameOp) -> str:
    """Return the SQL of the operation."""
    if isinstance(operation, TableRenameOp):
        old = qualified(operation.schema or "public", operation.table_name)
        return f"ALTER TABLE {old} RENAME TO {identifier(operation.new_table_name)}"
    return str(operation.sqltext)


@renderers.dispatch_for(TableRenameOp)
def _render(context: AutogenContext, operation: TableRenameOp) -> str:
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    prefix = context.opts.get("alembic_module_prefix") or "op."
    return f"{prefix}rename_table({operation.table_name!r}, {operation.new_table_name!r}{schema})"
