"""The database's part of the signed tenant context: the table of keys, and the accessor function that verifies.

Injected SQL can set the setting that contains the tenant. With `Tenancy(signed_context=True)`, its value is
`tenant|expiry|key id|code`, which only the application's process can create, and policies call the accessor instead of
reading the setting. Only the accessor reads the keys: it runs as their owner, and no other role has a privilege on
them, not even the admin role. Without a value the tenant is NULL, as without signing (decision 0001). A forged,
malformed or expired value is an error with SQLSTATE 42501, because it is an attack or a bug.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text, func

from tenantry import sql
from tenantry.postgres.objects import DatabaseObject, Function, Policy, RowSecurity
from tenantry.postgres.statements import load_statements
from tenantry.tenancy.policy import MAINTENANCE_POLICY

__all__ = ["ACCESSOR", "KEYS_TABLE", "SCHEMA", "accessor_function", "claimed_tenant", "keys_protection", "keys_table"]

SCHEMA = "public"
KEYS_TABLE = "tenant_context_keys"
ACCESSOR = "bound_tenant"

_BODY = load_statements("tenantry.tenancy.signed_context", "accessor.sql")["accessor"]


def keys_table(metadata: MetaData) -> Table:
    """Add the table of keys to a service's metadata."""
    return Table(
        KEYS_TABLE,
        metadata,
        Column("id", Text, primary_key=True),
        Column("inner_block", LargeBinary, nullable=False),
        Column("outer_block", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        schema=None if metadata.schema is None else SCHEMA,
    )


def keys_protection(owner: str) -> Iterator[DatabaseObject]:
    """Yield row security for the keys, so that only their owner reads them, even after a GRANT."""
    yield RowSecurity(KEYS_TABLE, SCHEMA)
    yield Policy(MAINTENANCE_POLICY, KEYS_TABLE, (owner,), "true", "true", schema=SCHEMA)


def accessor_function(setting: str, application: str) -> Function:
    """Return the function that verifies the setting's value and returns its tenant as text; NULL without a tenant."""
    return Function(
        name=ACCESSOR,
        body=f"\n{_BODY.format(setting=sql.literal(setting), keys=f'{SCHEMA}.{KEYS_TABLE}')}\n",
        returns="text",
        volatility="STABLE",
        security_definer=True,
        # pg_temp comes last; if it is not named, it is searched first. Then a domain `text` in the caller's pg_temp
        # would run its CHECK as the owner.
        search_path="pg_catalog, pg_temp",
        execute=(application,),
        schema=SCHEMA,
        # Without it, statements on tenant tables could not have parallel plans.
        options=("PARALLEL SAFE",),
    )


def claimed_tenant(setting: str) -> str:
    """Return the SQL expression for the tenant in the setting's value, without verification; NULL without a tenant.

    It is the default of the tenant column. To verify there would repeat the verification for each row. The policy's
    WITH CHECK verifies the inserted tenant.
    """
    value = f"current_setting({sql.literal(setting)}::text, true)"
    # Cut from the right: 64 digits of the code, three separators, the key's id and the expiry.
    key_id, expiry = (f"length(split_part({value}, '|'::text, '{part}'::integer))" for part in (-2, -3))
    return f"NULLIF(\"left\"({value}, (('-67'::integer - {key_id}) - {expiry})), ''::text)"
