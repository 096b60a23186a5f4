"""What a comparison does with objects that no declaration mentions.

Tenantry drops what it made itself for a declaration that is gone: its policies, its trigger and lookups, and privileges
of the service's own roles and of PUBLIC on declared objects. All other objects belong to the team or to another
program. They are left alone, and a revision names them. `tenantry revision --drop OBJECT` drops one of them, with its
exact reverse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TypeAlias

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection

from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Domain,
    Enum,
    Function,
    Grant,
    Policy,
    RowSecurity,
    Schema,
    Sequence,
    Trigger,
    View,
)
from tenantry.postgres.roles import Roles
from tenantry.postgres.statements import load_statements
from tenantry.tenancy.lookups import is_lookup
from tenantry.tenancy.objects import ADMIN_PRIVILEGES
from tenantry.tenancy.policy import MAINTENANCE_POLICY, TENANT_POLICY
from tenantry.tenancy.signed_context.accessor import ACCESSOR
from tenantry.tenancy.timestamps import touch_function

__all__ = [
    "LeftAloneOp",
    "Ownership",
    "TableKey",
    "leave_other_tables",
    "name_of",
    "partitions_left",
    "read_partitions",
]

# Schema and table.
TableKey: TypeAlias = tuple[str, str]

_PARTITIONS = load_statements("tenantry.migrations", "partitions.sql")["partitions"]

_OUR_POLICIES = frozenset({TENANT_POLICY, MAINTENANCE_POLICY})


@dataclass(frozen=True)
class Ownership:
    """Tells the objects in the database apart: declared, made by Tenantry, or of others.

    Attributes:
        roles: the service's roles; None if they are unknown, and then all privileges are of others.
        tables: the declared tables and partitions.
        declared: the declared objects.
        found: the objects in the database.
        requested: the names of the objects that `--drop` names.
        other_sequences: the undeclared sequences that no column of a declared table uses.
        dropped: the tables that this revision drops, with all that is on them.
        unused_types: the enums and domains that no column uses after this revision.
    """

    roles: Roles | None
    tables: AbstractSet[TableKey]
    declared: AbstractSet[DatabaseObject]
    found: AbstractSet[DatabaseObject]
    requested: AbstractSet[str] = frozenset()
    other_sequences: AbstractSet[TableKey] = frozenset()
    dropped: AbstractSet[TableKey] = frozenset()
    unused_types: AbstractSet[DatabaseObject] = frozenset()

    def kept(self) -> Iterator[DatabaseObject]:
        """Yield the undeclared objects that stay, each in the state that it has afterwards."""
        declared = {item.identity for item in self.declared}
        left = {item.name for item in self.found if isinstance(item, Schema) and item.identity not in declared}
        for item in self.found:
            if item.identity in declared or name_of(item) in self.requested:
                continue
            is_on_schema = isinstance(item, Grant) and item.kind == "SCHEMA"
            if is_on_schema and isinstance(item, Grant) and self._is_own_role(item.role):
                if item.name in left:
                    continue
                # USAGE opens no object by itself, and CREATE would let the application hide one behind its own.
                usage = tuple(privilege for privilege in item.privileges if privilege != "CREATE")
                if usage:
                    yield replace(item, privileges=usage)
            elif not self._is_ours(item):
                yield item

    def noted(self, kept: Iterable[DatabaseObject], drawn: Collection[TableKey]) -> Iterator[str]:
        """Yield the names of the kept objects that a reader should know of: on declared tables, and in their schemas.

        `drawn` are the sequences of columns, which go with their tables.
        """
        places = self._places()
        for item in sorted(kept):
            match item:
                case Function() | View():
                    yield name_of(item)
                case Sequence() if (item.schema, item.name) in self.other_sequences and (
                    item.schema,
                    item.name,
                ) not in drawn:
                    yield name_of(item)
                case Policy() | Trigger() | RowSecurity() if (item.schema, item.table) in places:
                    yield name_of(item)
                case Grant() if (
                    item.kind == "TABLE" and (item.schema, item.name) in places and not self._is_owner(item)
                ):
                    yield name_of(item)

    def was_a_models(self, table: TableKey) -> bool:
        """Return True if the database shows that a model declared the table: Tenantry's policies, or the admin's grant.

        Other programs may have tables under the same owner.
        """
        for item in self.found:
            if isinstance(item, Policy) and (item.schema, item.table) == table and item.name in _OUR_POLICIES:
                return True
            is_admins = isinstance(item, Grant) and self.roles is not None and item.role == self.roles.admin
            if is_admins and isinstance(item, Grant) and (item.schema, item.name, item.kind) == (*table, "TABLE"):
                return set(ADMIN_PRIVILEGES) <= set(item.privileges)
        return False

    def _is_ours(self, item: DatabaseObject) -> bool:
        if isinstance(item, Function):
            return is_lookup(item) or item.name in {touch_function().name, ACCESSOR}
        if isinstance(item, Enum | Domain):
            return item in self.unused_types
        if isinstance(item, Schema):
            # Only those that a migration created are read.
            return True
        if isinstance(item, Grant):
            return self._is_our_grant(item)
        if not isinstance(item, Policy | RowSecurity | Trigger):
            return False
        table = (item.schema, item.table)
        return table in self.dropped or (table in self.tables and self._is_made_by_us(item))

    def _is_our_grant(self, item: Grant) -> bool:
        place = (item.schema, item.name)
        if item.kind == "SEQUENCE":
            return self._is_own_role(item.role) and place not in self.other_sequences
        if place in self.dropped:
            return not self._is_owner(item)
        return self._is_own_role(item.role) and place in self._places()

    def _is_made_by_us(self, item: Policy | RowSecurity | Trigger) -> bool:
        match item:
            case Policy():
                return item.name in _OUR_POLICIES
            case Trigger():
                return item.function.rpartition(".")[2] == touch_function().name
        policies = (other for other in self.found if isinstance(other, Policy) and other.name in _OUR_POLICIES)
        return any((other.schema, other.table) == (item.schema, item.table) for other in policies)

    def _places(self) -> set[TableKey]:
        """Return the declared relations: tables, partitions, views, and those with a declared privilege."""
        named = {(item.schema, item.name) for item in self.declared if isinstance(item, Grant | View)}
        return {*self.tables, *named}

    def _is_own_role(self, role: str) -> bool:
        # What PUBLIC has, the application has too.
        return self.roles is not None and role in {self.roles.application, self.roles.admin, PUBLIC}

    def _is_owner(self, item: Grant) -> bool:
        return self.roles is not None and item.role == self.roles.owner


def name_of(item: DatabaseObject) -> str:
    """Return the object's name, which is that of the audit's findings on it."""
    return item.label if isinstance(item, Grant) else str(item)


class LeftAloneOp(MigrateOperation):
    """Names what a revision leaves alone. It is written as comments, and changes nothing.

    Alembic takes it for an empty container, so that `alembic check` does not count it as a difference.
    """

    ops: tuple[MigrateOperation, ...] = ()

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)


@renderers.dispatch_for(LeftAloneOp)
def _render(_context: AutogenContext, operation: LeftAloneOp) -> list[str]:
    return ["# Left alone, because no declaration mentions them:", *(f"# - {name}" for name in operation.names)]


def leave_other_tables(upgrade: ops.UpgradeOps, dropped: Collection[TableKey]) -> list[TableKey]:
    """Remove the operations that drop other tables than `dropped`, and return those tables."""
    others = {key for op in upgrade.ops if isinstance(op, ops.DropTableOp) and (key := _key(op)) not in dropped}
    upgrade.ops[:] = [
        op for op in upgrade.ops if not isinstance(op, ops.DropTableOp | ops.ModifyTableOps) or _key(op) not in others
    ]
    return sorted(others)


def read_partitions(connection: Connection, schemas: Collection[str]) -> dict[TableKey, TableKey]:
    """Return every partition in the schemas, with the table at the top of its tree."""
    rows = connection.exec_driver_sql(_PARTITIONS, (sorted(schemas),)).mappings()
    return {(row["schema"], row["name"]): (row["parent_schema"], row["parent"]) for row in rows}


def partitions_left(connection: Connection, schemas: Collection[str], declared: AbstractSet[TableKey]) -> Iterator[str]:
    """Yield a line for each declared table with undeclared partitions, such as those that a job makes."""
    found: dict[TableKey, list[str]] = {}
    for partition, parent in read_partitions(connection, schemas).items():
        if parent in declared and partition not in declared:
            found.setdefault(parent, []).append(partition[1])
    for parent, names in sorted(found.items()):
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"partitions of table {'.'.join(parent)}: {min(names)}{others}"


def _key(op: ops.DropTableOp | ops.ModifyTableOps) -> TableKey:
    return op.schema or "public", op.table_name
