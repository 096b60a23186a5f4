"""The objects that a team declares besides its models, `Service(objects=[...])`: which are accepted.

They are written, compared and reversed like the models' own. An object that would open the rows of other tenants, or
that no comparison could ever find, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from sqlalchemy import MetaData, Table

from tenantry import errors
from tenantry.postgres.objects import (
    PUBLIC,
    Comment,
    DatabaseObject,
    Function,
    Grant,
    Policy,
    Role,
    RowSecurity,
    Trigger,
    View,
)
from tenantry.postgres.roles import Roles
from tenantry.tenancy.declarations import declaration_of

__all__ = ["check_own_objects"]

_KINDS = (Comment, Function, Grant, Policy, Role, RowSecurity, Trigger, View)


def check_own_objects(
    objects: Iterable[DatabaseObject], generated: Iterable[DatabaseObject], metadata: MetaData, roles: Roles
) -> None:
    """Check the team's objects; `generated` are those of the models.

    Raises:
        DeclarationError: an object is of another kind, declared twice, or would bypass row security.
    """
    taken = {item.identity: "the models" for item in generated}
    tables = {(table.schema or "public", table.name): table for table in metadata.tables.values()}
    for item in objects:
        if not isinstance(item, _KINDS):
            names = ", ".join(kind.__name__ for kind in _KINDS)
            raise errors.DeclarationError(
                f"Service(objects=...) contains {item!r}, which is no object that can be declared.",
                why=f"Only objects of {names} are compared and reversed.",
                remedy="Create other objects in a revision with op.execute. The comparison leaves them alone.",
            )
        if item.identity in taken:
            remedy = "Keep one of the two declarations."
            if isinstance(item, Grant):
                remedy = "Keep one of the two declarations. A model declares the privileges in `__privileges__`."
            _refuse(item, f"is also declared by {taken[item.identity]}.", "One object has one declaration.", remedy)
        taken[item.identity] = "Service(objects=...)"
        _check(item, tables, roles)


def _check(item: DatabaseObject, tables: Mapping[tuple[str, str], Table], roles: Roles) -> None:
    if isinstance(item, Policy):
        _check_policy(item, tables, roles)
    elif isinstance(item, Grant) and item.kind == "FUNCTION":
        why = "PostgreSQL keeps this privilege with the function, and it is compared there."
        _refuse(item, "is a privilege on a function.", why, f"Pass execute=({item.role!r},) to Function().")
    elif isinstance(item, Grant) and item.role == PUBLIC and item.kind in {"TABLE", "SEQUENCE"}:
        why = "PUBLIC is every role of the cluster, including the roles of other services."
        _refuse(item, "is for PUBLIC.", why, "Grant the privilege to a role by its name.")
    elif isinstance(item, Role) and item.bypass_rls:
        why = "No policy applies to such a role, so it reads the rows of all tenants."
        remedy = f"Remove bypass_rls, and declare a Policy with roles=({item.name!r},) for the rows that it may read."
        _refuse(item, "has BYPASSRLS.", why, remedy)


def _check_policy(item: Policy, tables: Mapping[tuple[str, str], Table], roles: Roles) -> None:
    """Check that the policy does not let the application through beside the tenant's policy."""
    table = tables.get((item.schema, item.table))
    if table is None or not declaration_of(table).kind.is_isolated or not item.permissive:
        return
    opened = {PUBLIC, roles.application} & {*item.roles}
    if opened:
        _refuse(
            item,
            f"is permissive, and {' and '.join(sorted(opened))} is among its roles.",
            "PostgreSQL joins permissive policies by OR, so its rows would pass whatever their tenant is.",
            "Set permissive=False, or name the role of a report in `roles`.",
        )


def _refuse(item: DatabaseObject, what: str, why: str, remedy: str) -> NoReturn:
    raise errors.DeclarationError(f"The {item} {what}", why=why, remedy=remedy)
