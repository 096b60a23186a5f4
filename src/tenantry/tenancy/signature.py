"""The database's half of the signed tenant context: the table of keys, the accessor that verifies, and its call.

SQL that runs in the application's session can set the setting that carries the tenant. With
`Tenancy(signed_context=True)` its value is `tenant|expiry|key id|code`, which only the application's process can make,
and policies ask the accessor instead of the setting. The accessor alone reads the keys: it runs as their owner, and no
other role has a privilege on them, the admin included. Unset is NULL as without signing (decision 0001); what is
forged, malformed or expired is an error, SQLSTATE 42501: it is either an attack or our mistake.
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

_BODY = load_statements("tenantry.tenancy", "signature.sql")["accessor"]


def keys_table(metadata: MetaData) -> Table:
    """Add the table of keys to a service's tables."""
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
    """Yield what keeps the keys to their owner, should somebody ever grant a privilege on them."""
    yield RowSecurity(KEYS_TABLE, SCHEMA)
    yield Policy(MAINTENANCE_POLICY, KEYS_TABLE, (owner,), "true", "true", schema=SCHEMA)


def accessor_function(setting: str, application: str) -> Function:
    """Return the function that verifies the bound value and returns its tenant as text; NULL without a tenant."""
    return Function(
        name=ACCESSOR,
        body=f"\n{_BODY.format(setting=sql.literal(setting), keys=f'{SCHEMA}.{KEYS_TABLE}')}\n",
        returns="text",
        volatility="STABLE",
        security_definer=True,
        # Named last, or it is searched first: a domain `text` in a caller's pg_temp would run its CHECK as the owner.
        search_path="pg_catalog, pg_temp",
        execute=(application,),
        schema=SCHEMA,
        # Without it no statement on a tenant table could have a parallel plan.
        options=("PARALLEL SAFE",),
    )


def claimed_tenant(setting: str) -> str:
    """Return the tenant that the bound value names, unverified, as an SQL expression; NULL where no tenant is bound.

    It fills the tenant column, row by row, where verifying would cost each row what it costs a statement. The policy's
    WITH CHECK verifies what it filled in.
    """
    value = f"current_setting({sql.literal(setting)}::text, true)"
    # From the right: 64 digits of the code, three separators, the key's id and the expiry.
    key_id, expiry = (f"length(split_part({value}, '|'::text, '{part}'::integer))" for part in (-2, -3))
    return f"NULLIF(\"left\"({value}, (('-67'::integer - {key_id}) - {expiry})), ''::text)"
