"""The SQL that tells tenants apart: the setting's expression and the policy's predicate.

Both are written as PostgreSQL itself prints them (`pg_get_expr`), so that what a model declares and what a catalog
holds can be compared as text, with nothing normalised away.

The predicate has InitPlan form, `column = (SELECT ...)`: evaluated once a statement, where a bare `current_setting()`
is evaluated for every row (637 ms against 85 ms over a million rows). A setting that was never bound is NULL, and one
whose transaction ended is '': NULLIF makes both NULL, so that no tenant means no row and never an error of a cast.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Enum, Integer, SmallInteger, String, Text, Uuid
from sqlalchemy.types import TypeEngine

from tenantry import errors, sql

__all__ = ["MAINTENANCE_POLICY", "TENANT_POLICY", "as_tenant", "setting_expression", "tenant_predicate"]

TENANT_POLICY = "tenant_isolation_policy"
MAINTENANCE_POLICY = "owner_maintenance_policy"


def _cast_of(column_type: TypeEngine[Any]) -> str:
    """Return the type that the setting's text is cast to, '' where text is compared as text.

    Raises:
        DeclarationError: equality on the type is not leakproof, so it could never use an index under row security.
    """
    for known, cast in ((Uuid, "uuid"), (SmallInteger, "smallint"), (BigInteger, "bigint"), (Integer, "integer")):
        if isinstance(column_type, known):
            return cast
    if isinstance(column_type, String) and not isinstance(column_type, Enum):
        return ""
    raise errors.DeclarationError(
        f"{column_type!r} cannot be a tenant's type.",
        why="Only text, uuid and integer equality is leakproof and keeps its index under row security.",
        remedy="Use String, Text, Uuid, BigInteger or Integer.",
    )


def setting_expression(setting: str, column_type: TypeEngine[Any]) -> str:
    """Return the bound tenant as an SQL expression of the column's type; NULL where no tenant is bound."""
    return as_tenant(f"NULLIF(current_setting({sql.literal(setting)}::text, true), ''::text)", column_type)


def as_tenant(text: str, column_type: TypeEngine[Any]) -> str:
    """Return an expression of type text as one of the column's type."""
    cast = _cast_of(column_type)
    return f"({text})::{cast}" if cast else text


def tenant_predicate(column: str, setting: str, column_type: TypeEngine[Any], *, accessor: str = "") -> str:
    """Return the predicate of the tenant policy, for USING and WITH CHECK alike.

    With an `accessor`, a function written `schema.name`, that is asked for the tenant instead of the setting.
    """
    name = column if column.isidentifier() and column == column.lower() else sql.identifier(column)
    left = f"({name})::text" if isinstance(column_type, String) and not isinstance(column_type, Text) else name
    if accessor:
        return f"({left} = ( SELECT {as_tenant(f'{accessor}()', column_type)} AS {accessor.rpartition('.')[2]}))"
    return f'({left} = ( SELECT {setting_expression(setting, column_type)} AS "nullif"))'
