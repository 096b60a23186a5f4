"""The rules for the foreign keys of declared tables.

PostgreSQL checks references and runs their actions without row security. A reference to a tenant's row must contain the
tenant, and no action may change the tenant of a row. `completion` has added the tenant where that is possible.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Table
from sqlalchemy.exc import NoReferenceError

from tenantry.postgres.tables.referential_action import parse_action
from tenantry.tenancy.completion import tenant_pair
from tenantry.tenancy.kinds import Declaration, declaration_of
from tenantry.tenancy.refusal import refuse
from tenantry.tenancy.unique_keys import unique_columns

__all__ = ["check_references"]

_WRITING = {"INSERT", "UPDATE"}


def check_references(table: Table, declaration: Declaration) -> None:
    """Check all foreign keys of a table.

    Raises:
        DeclarationError: a foreign key leads to other tenants' rows, changes a row's tenant, or cannot be made.
    """
    for constraint in sorted(table.foreign_key_constraints, key=lambda one: list(one.column_keys)):
        try:
            target = constraint.referred_table
        except NoReferenceError as error:
            wanted = constraint.elements[0].target_fullname
            what = f"has a foreign key to {wanted!r}, which no model declares."
            why = f"{str(error).rstrip('.')}."
            remedy = f"Load the module with that model before the service, or correct {wanted!r}."
            refuse(table, what, why, remedy)
        referred = declaration_of(target)
        if not referred.kind.is_isolated:
            if declaration.kind.is_isolated:
                _check_shared_target(table, constraint, referred)
            continue
        pair = tenant_pair(constraint)
        if pair is not None:
            _check_tenant(table, constraint, *pair)
            _check_target(table, constraint, pair[1])
            _check_actions(table, constraint, pair[0])
        elif not _WRITING.isdisjoint(declaration.privileges):
            refuse(
                table,
                f"is {declaration.kind.name.title()}, and has a foreign key to the tenants' table {target.name!r}.",
                "A row without a tenant would refer to a row of one tenant, and an error would show if it exists.",
                f"Declare {table.name!r} as TenantScoped, or remove the foreign key.",
            )


def _check_shared_target(table: Table, constraint: ForeignKeyConstraint, referred: Declaration) -> None:
    """Check that the application cannot start a cascade in a table that all tenants share."""
    target = constraint.referred_table.name
    actions = (("DELETE", "ondelete", constraint.ondelete), ("UPDATE", "onupdate", constraint.onupdate))
    for event, argument, action in actions:
        if parse_action(action).verb not in {"NO ACTION", "RESTRICT"} and event in referred.privileges:
            refuse(
                table,
                f"has a foreign key to {target!r} with {argument}={action!r}.",
                f"The application may {event} rows of {target!r}, which all tenants share, and a cascade ignores row "
                "security: one tenant's statement would change the rows of all tenants.",
                f"Remove {argument} from the foreign key, or {event} from __privileges__ of {target!r}.",
            )


def _check_tenant(table: Table, constraint: ForeignKeyConstraint, column: Column[Any], referred: Column[Any]) -> None:
    """Check that the reference contains the tenant of both rows."""
    pairs = [(element.parent, element.column) for element in constraint.elements]
    if any(one is column and other is referred for one, other in pairs):
        return
    target = constraint.referred_table.name
    names = ", ".join(constraint.column_keys)
    if any(other is referred for _, other in pairs):
        refuse(
            table,
            f"has a foreign key to {target!r} by {names}, which can refer to another tenant.",
            f"{referred.name!r} identifies a tenant. Foreign key checks bypass row security, so a tenant could refer "
            "to another tenant and find out which tenants exist.",
            f"Remove the foreign key, or use {column.name!r} for it.",
        )
    others = [(one.name, other.name) for one, other in pairs if one is not column]
    local = ", ".join(repr(name) for name in (column.name, *(name for name, _ in others)))
    remote = ", ".join(repr(f"{target}.{name}") for name in (referred.name, *(name for _, name in others)))
    refuse(
        table,
        f"has a foreign key to {target!r} by {names} without the tenant column.",
        "Foreign key checks bypass row security, so a tenant could refer to another tenant's row.",
        f"Use ForeignKeyConstraint([{local}], [{remote}]) instead.",
    )


def _check_target(table: Table, constraint: ForeignKeyConstraint, tenant: Column[Any]) -> None:
    target = constraint.referred_table
    others = (element.column.name for element in constraint.elements if element.column is not tenant)
    names = [tenant.name, *others]
    if set(names) not in unique_columns(target):
        key = ", ".join(map(repr, names))
        refuse(
            table,
            f"has a foreign key to {', '.join(names)} of {target.name!r}, which is not a unique key.",
            "PostgreSQL needs a unique key over exactly the referred columns.",
            f"Add UniqueConstraint({key}) to __table_args__ of the model of {target.name!r}.",
        )


def _check_actions(table: Table, constraint: ForeignKeyConstraint, tenant: Column[Any]) -> None:
    """Check that no action changes the tenant of a referring row."""
    others = [element.parent for element in constraint.elements if element.parent is not tenant]
    if not others:
        return
    names = ", ".join(one.name for one in others)
    action = parse_action(constraint.ondelete)
    if tenant.name in action.columns:
        refuse(
            table,
            f"has ON DELETE {constraint.ondelete}, which changes {tenant.name!r}.",
            "A row's tenant never changes.",
            f"Set ondelete={action.verb!r} without a list; the toolkit names the other columns.",
        )
    if action.is_setting and not action.columns:
        refuse(
            table,
            f"has ON DELETE SET NULL over {names}, which are NOT NULL.",
            "PostgreSQL would refuse to delete each row that has referring rows.",
            f"Set nullable=True on {others[-1].name!r}, or use ondelete='CASCADE' or 'RESTRICT'.",
        )
    if parse_action(constraint.onupdate).is_setting:
        refuse(
            table,
            f"has ON UPDATE {constraint.onupdate}, which changes {tenant.name!r} too.",
            "PostgreSQL accepts a list of columns for ON DELETE only.",
            "Set onupdate='CASCADE', or remove onupdate.",
        )
    if (constraint.match or "").upper() == "FULL" and any(one.nullable for one in others):
        refuse(
            table,
            f"has MATCH FULL over {names}, which can be NULL, and {tenant.name!r}, which cannot.",
            "MATCH FULL refuses a row in which only some columns of the reference are NULL.",
            "Remove match='FULL'.",
        )
