"""Roles, what they may do, the policies that hold tenants apart, and the way from an e-mail to its tenant.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWNER, APPLICATION, ADMIN = "accounts_owner", "accounts_app", "accounts_admin"
ALL = ("DELETE", "INSERT", "SELECT", "UPDATE")
# The tenant that the unit of work has bound; nothing where there is none.
BOUND = "( SELECT (NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid AS \"nullif\")"
# By table: the column that says whose a row is, and what the application may do.
TABLES = {"tenants": ("id", ("INSERT", "SELECT")), "users": ("tenant_id", ALL)}


def upgrade() -> None:
    op.create_role(APPLICATION, login=True)
    op.create_role(ADMIN, login=True, bypass_rls=True)
    for table, (column, privileges) in TABLES.items():
        own_rows = f"({column} = {BOUND})"
        op.grant(APPLICATION, privileges, table)
        op.grant(ADMIN, ALL, table)
        op.create_policy("tenant_isolation_policy", table, roles=(APPLICATION,), using=own_rows, check=own_rows)
        # Forced row security holds the owner too: without this, a later migration's UPDATE would touch no row.
        op.create_policy("owner_maintenance_policy", table, roles=(OWNER,), using="true", check="true")
        op.enable_row_security(table)
    # Who signs in has an e-mail and no tenant yet. This tells the one from the other, and nothing else.
    op.create_function(
        "tenant_of_users_by_email",
        body=('\n    SELECT t."tenant_id", t."id"\n    FROM "public"."users" AS t\n    WHERE t."email" = $1\n'),
        returns="TABLE(tenant uuid, key uuid)",
        arguments="key_email character varying",
        language="sql",
        volatility="STABLE",
        security_definer=True,
        search_path="pg_catalog, pg_temp",
        execute=[APPLICATION],
    )


def downgrade() -> None:
    op.drop_function("tenant_of_users_by_email", arguments="key_email character varying")
    for table, (_, privileges) in reversed(TABLES.items()):
        op.disable_row_security(table)
        op.drop_policy("owner_maintenance_policy", table)
        op.drop_policy("tenant_isolation_policy", table)
        op.revoke(ADMIN, ALL, table)
        op.revoke(APPLICATION, privileges, table)
    op.drop_role(ADMIN)
    op.drop_role(APPLICATION)
