"""What a table declares: its kind, its tenant column, the application's privileges, its lookups and its partitions.

`Table.info` stores the declaration, so it is the same for a model and for a `Table()` without a model. Migrations, the
audit and the unit of work read it there, and never read Python classes.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from sqlalchemy import MetaData, String, Table
from sqlalchemy.types import TypeEngine

from tenantry import errors
from tenantry.tenancy.lookups import TenantLookup
from tenantry.tenancy.policy import as_tenant, setting_expression
from tenantry.tenancy.signed_context.accessor import claimed_tenant

__all__ = ["INFO_KEY", "Declaration", "Kind", "Tenancy", "declaration_of", "is_isolated", "tenancy_of"]

INFO_KEY = "tenantry"


class Kind(enum.Enum):
    """The four declarations of a model, and the declaration of the toolkit's own table."""

    TENANT_SCOPED = "tenant_scoped"
    TENANT_ROOT = "tenant_root"
    SHARED = "shared"
    GLOBAL = "global"
    # For the owner only. No model can declare it.
    INTERNAL = "internal"

    @property
    def is_isolated(self) -> bool:
        """True if row security isolates the table's rows by tenant."""
        return self in {Kind.TENANT_SCOPED, Kind.TENANT_ROOT}


@dataclasses.dataclass(frozen=True, slots=True)
class Tenancy:
    """The tenant column and the setting with which a service identifies tenants.

    Attributes:
        column: the tenant column's name in every `TenantScoped` table.
        type: the tenant column's type: `String`, `Text`, `Uuid` or an integer type. Their equality operators are
            leakproof, so an index can be used together with a policy.
        setting: the transaction-local setting that contains the tenant.
        signed_context: True to sign the setting's value, so that injected SQL cannot set another tenant.
    """

    column: str = "tenant_id"
    type: TypeEngine[Any] = dataclasses.field(default_factory=lambda: String(100))
    setting: str = "app.current_tenant_id"
    signed_context: bool = False

    def __post_init__(self) -> None:
        """Check that `SET LOCAL` accepts the setting's name."""
        head, _, tail = self.setting.partition(".")
        if not (head.isidentifier() and tail.replace(".", "_").isidentifier()):
            raise errors.DeclarationError(
                f"{self.setting!r} is not a valid name of a custom setting.",
                why="PostgreSQL needs a prefix, a dot and a name.",
                remedy="Set Tenancy(setting=...) to a name such as app.current_tenant_id.",
            )

    def default(self, column_type: TypeEngine[Any]) -> str:
        """Return the SQL expression for the bound tenant, the default of a tenant column of this type.

        Raises:
            DeclarationError: equality of the type is not leakproof.
        """
        if self.signed_context:
            return as_tenant(claimed_tenant(self.setting), column_type)
        return setting_expression(self.setting, column_type)


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """The declaration of one table: kind, tenant column, the application's privileges, and tenant lookups.

    `partitions` is the number of hash partitions by tenant, 0 for a table without partitions.
    """

    kind: Kind
    tenant_column: str | None
    privileges: tuple[str, ...]
    lookups: tuple[TenantLookup, ...] = ()
    partitions: int = 0


def declaration_of(table: Table) -> Declaration:
    """Return the declaration of `table`.

    Raises:
        DeclarationError: the table has no declaration.
    """
    declared = table.info.get(INFO_KEY)
    if not isinstance(declared, Declaration):
        raise errors.DeclarationError(
            f"Table {table.name!r} does not declare its tenancy.",
            why="Every tenant could read a table without a declaration.",
            remedy="Add TenantScoped, TenantRoot, Shared or Global to the bases of its model. For a Table() without a "
            "model, pass info={'tenancy': TenantScoped}.",
        )
    return declared


def is_isolated(table: object) -> bool:
    """Return True if `table` is a table whose rows row security isolates by tenant."""
    declared = table.info.get(INFO_KEY) if isinstance(table, Table) else None
    return isinstance(declared, Declaration) and declared.kind.is_isolated


def tenancy_of(metadata: MetaData) -> Tenancy:
    """Return the tenancy of the models in `metadata`."""
    tenancy = metadata.info.get(INFO_KEY)
    return tenancy if isinstance(tenancy, Tenancy) else Tenancy()
