"""`op.create_enum`, `op.alter_enum`, `op.drop_enum`, `op.create_domain` and `op.drop_domain`.

A domain is altered by the statements of ALTER DOMAIN, so it needs no operation of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import CreateOp, DropOp, ObjectOp, run_statements
from tenantry.postgres.objects import Domain, Enum
from tenantry.postgres.statements import load_statements
from tenantry.sql import literal, qualified

__all__ = ["AlterEnumOp", "CreateDomainOp", "CreateEnumOp", "DropDomainOp", "DropEnumOp"]

_STATEMENTS = load_statements("tenantry.migrations.operations", "types.sql")


@Operations.register_operation("create_enum")
class CreateEnumOp(CreateOp):
    """Creates an enum."""

    verb = "create_enum"
    positional = ("name", "values")

    @classmethod
    def create_enum(cls, operations: Operations, name: str, values: Sequence[str], *, schema: str = "public") -> None:
        """Create an enum with its values in this order."""
        operations.invoke(cls(Enum(name, tuple(values), schema)))


@Operations.register_operation("drop_enum")
class DropEnumOp(DropOp):
    """Drops an enum."""

    verb = "drop_enum"
    positional = ("name",)
    inverse = CreateEnumOp

    @classmethod
    def drop_enum(cls, operations: Operations, name: str, *, schema: str = "public") -> None:
        """Drop an enum that no column uses."""
        operations.invoke(cls(Enum(name, (), schema)))


CreateEnumOp.inverse = DropEnumOp


@Operations.register_operation("alter_enum")
class AlterEnumOp(ObjectOp):
    """Gives an enum other values, or the same values in another order.

    If it only gets more values, they are added. Otherwise a new type replaces it, and each column is converted by the
    text of its values. That fails if a row has a value that the type does not have any more. PostgreSQL does not allow
    a transaction to use a value that it added, so `rebuild` replaces the type in this case too.
    """

    verb = "alter_enum"
    positional: ClassVar[tuple[str, ...]] = ("name", "values")
    item: Enum

    def __init__(self, item: Enum, previous: Enum, *, is_rebuilt: bool = False) -> None:
        super().__init__(item)
        self.previous = previous
        self.is_rebuilt = is_rebuilt or not item.has_all_of(previous)
        self.is_undo_rebuilt = False

    def reverse(self) -> MigrateOperation:
        """Return the operation that restores the previous values."""
        return AlterEnumOp(self.previous, self.item, is_rebuilt=self.is_undo_rebuilt)

    def written(self) -> Iterator[tuple[str, Any]]:
        """Yield the arguments in a script."""
        yield from super().written()
        yield "previous", self.previous.values
        if self.is_rebuilt and self.item.has_all_of(self.previous):
            yield "rebuild", True

    @classmethod
    def alter_enum(
        cls,
        operations: Operations,
        name: str,
        values: Sequence[str],
        *,
        previous: Sequence[str],
        rebuild: bool = False,
        schema: str = "public",
    ) -> None:
        """Change the values of an enum; `previous` are the values before, and `rebuild` replaces the type."""
        old, new = (Enum(name, tuple(each), schema) for each in (previous, values))
        operations.invoke(cls(new, old, is_rebuilt=rebuild))


@Operations.implementation_for(AlterEnumOp)
def _alter(operations: Operations, operation: AlterEnumOp) -> None:
    new, old = operation.item, operation.previous
    if not operation.is_rebuilt:
        run_statements(operations, *new.additions(old))
        return
    block = _STATEMENTS["rebuild_enum"].format(
        type=literal(qualified(new.schema, new.name)).strip(),
        name=literal(new.name).strip(),
        create=literal(new.create()[0]).strip(),
        values=f"ARRAY[{', '.join(map(literal, new.values))}]::text[]",
    )
    run_statements(operations, block)


@Operations.register_operation("create_domain")
class CreateDomainOp(CreateOp):
    """Creates a domain."""

    verb = "create_domain"
    positional = ("name", "data_type")

    @classmethod
    def create_domain(
        cls,
        operations: Operations,
        name: str,
        data_type: str,
        *,
        schema: str = "public",
        collation: str = "",
        default: str | None = None,
        not_null: bool = False,
        checks: Sequence[str] = (),
    ) -> None:
        """Create a domain; `checks` has the name and the expression of each check, one after the other."""
        operations.invoke(cls(Domain(name, data_type, schema, collation, default, not_null, tuple(checks))))


@Operations.register_operation("drop_domain")
class DropDomainOp(DropOp):
    """Drops a domain."""

    verb = "drop_domain"
    positional = ("name",)
    inverse = CreateDomainOp

    @classmethod
    def drop_domain(cls, operations: Operations, name: str, *, schema: str = "public") -> None:
        """Drop a domain that no column uses."""
        operations.invoke(cls(Domain(name, "", schema)))


CreateDomainOp.inverse = DropDomainOp
