"""The enums and domains that no model declares any more, and that no column uses after a revision."""

from __future__ import annotations

from alembic.operations import ops
from sqlalchemy import MetaData

from tenantry.postgres.objects import DatabaseObject, Domain, Enum
from tenantry.postgres.tables.compiling import Key, key_of
from tenantry.postgres.tables.found import FoundTables
from tenantry.tenancy.declared_and_found import Sides

__all__ = ["unused_types", "used_types"]


def unused_types(sides: Sides, found: FoundTables, upgrade: ops.UpgradeOps, metadata: MetaData) -> set[DatabaseObject]:
    """Return the undeclared types whose last users are columns of the models, changed or dropped by this revision.

    A type that no column used before stays: another program may have made it.
    """
    declared = {item.identity for item in sides.declared}
    ours = {key_of(table) for table in metadata.tables.values()}
    ours |= {(op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.DropTableOp)}
    users = used_types(found)
    undeclared = {item for item in sides.found if isinstance(item, Enum | Domain) and item.identity not in declared}
    unused = {item for item in undeclared if (found_in := users.get((item.schema, item.name))) and found_in <= ours}
    # A domain that goes leaves the type below it without a user.
    below = {item.data_type for item in unused if isinstance(item, Domain)}
    return unused | {item for item in undeclared if f"{item.schema}.{item.name}" in below}


def used_types(found: FoundTables) -> dict[Key, set[Key]]:
    """Return the enums and domains in the catalog, each with the tables that use it."""
    users: dict[Key, set[Key]] = {}
    for key, columns in found.columns.items():
        for row in columns.values():
            if row["member_kind"] in {"e", "d"}:
                users.setdefault((row["member_schema"], row["member_name"]), set()).add(key)
    return users
