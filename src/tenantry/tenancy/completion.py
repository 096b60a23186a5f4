"""Complete the references and keys of tenant tables, where their author left out what only one completion can be.

- A foreign key to a tenant table gets the tenant, so that it cannot refer to another tenant's row.
- The target of such a reference gets a unique key with the tenant beside its own key.
- ON DELETE SET NULL names the columns that become NULL. Without the list, PostgreSQL would blank the tenant too.
- A tenant table without an index that begins with the tenant gets one.

Each function can run again: it completes what has been added since. Models are declared one after the other, and a
reference can only be completed when its target exists.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.exc import NoReferenceError

from tenantry.postgres.tables.referential_action import ReferentialAction, parse_action
from tenantry.tenancy.kinds import INFO_KEY, Declaration, is_isolated
from tenantry.tenancy.unique_keys import is_partial, keys_of, plain_columns, unique_columns

__all__ = ["complete", "complete_references", "tenant_pair"]


def complete(metadata: MetaData) -> None:
    """Complete all tenant tables of `metadata`. Call it when all tables are declared."""
    tables = [table for table in metadata.tables.values() if is_isolated(table)]
    for table in tables:
        complete_references(table)
    for table in tables:
        # In a fixed order, so that every process adds the same keys in the same order.
        for constraint in sorted(table.foreign_key_constraints, key=lambda one: list(one.column_keys)):
            _complete_target(constraint)
    for table in tables:
        _complete_index(table)


def complete_references(table: Table) -> None:
    """Add the tenant to the foreign keys of `table` whose target is known to be a tenant table."""
    if not is_isolated(table):
        return
    for constraint in table.foreign_key_constraints:
        pair = tenant_pair(constraint)
        if pair is None:
            continue
        column, referred = pair
        if not any(element.parent is column or element.column is referred for element in constraint.elements):
            element = ForeignKey(referred, _constraint=constraint)
            constraint._append_element(column, element)  # noqa: SLF001  (SQLAlchemy has no public way to extend one)
            element._set_parent_with_dispatch(column)  # noqa: SLF001
        _complete_action(constraint, column)


def tenant_pair(constraint: ForeignKeyConstraint) -> tuple[Column[object], Column[object]] | None:
    """Return the tenant column of a foreign key's table and of its target; None if one of them has no tenant."""
    try:
        target = constraint.referred_table
    except NoReferenceError:
        return None
    column, referred = _tenant_column(constraint.table), _tenant_column(target)
    return None if column is None or referred is None else (column, referred)


def _tenant_column(table: Table) -> Column[object] | None:
    declaration = table.info.get(INFO_KEY)
    if not is_isolated(table) or not isinstance(declaration, Declaration) or declaration.tenant_column is None:
        return None
    return table.c.get(declaration.tenant_column)


def _complete_action(constraint: ForeignKeyConstraint, tenant: Column[object]) -> None:
    """Name the columns of ON DELETE SET NULL and SET DEFAULT (PostgreSQL 15), all but the tenant."""
    action = parse_action(constraint.ondelete)
    columns = [element.parent for element in constraint.elements]
    if not action.is_setting or tenant not in columns:
        return
    sets_null = action.verb == "SET NULL"
    changed = [one for one in columns if one is not tenant and (one.nullable or not sets_null)]
    names = action.columns or tuple(one.name for one in sorted(changed, key=_position))
    # A given list is spelled as PostgreSQL prints it, so that it equals the one in the database.
    constraint.ondelete = str(ReferentialAction(action.verb, names))


def _complete_target(constraint: ForeignKeyConstraint) -> None:
    """Add a unique key over the referred columns, if a part of them is unique already.

    The longer key then allows the same rows. Without a unique part, it would be a rule that no author wrote.
    """
    if tenant_pair(constraint) is None:
        return
    target = constraint.referred_table
    referred = {element.column.name for element in constraint.elements}
    keys = unique_columns(target)
    if len(referred) == len(constraint.elements) and referred not in keys and any(key < referred for key in keys):
        tenant = _tenant_column(target)
        names = sorted(referred, key=lambda name: (target.c[name] is not tenant, _position(target.c[name])))
        # Without a naming convention it gets a name here, so that a downgrade can drop it.
        name = None if "uq" in target.metadata.naming_convention else f"uq_{target.name}_{'_'.join(names)}"
        target.append_constraint(UniqueConstraint(*names, name=name))


def _complete_index(table: Table) -> None:
    tenant = _tenant_column(table)
    if tenant is None:
        return
    leading = [plain_columns(key)[0] for key in keys_of(table) if not is_partial(key)]
    if tenant.name not in leading:
        Index(None, tenant)


def _position(column: Column[object]) -> int:
    return list(column.table.c).index(column)
