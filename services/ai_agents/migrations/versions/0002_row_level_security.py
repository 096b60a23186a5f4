"""Roles, what they may do, and the policies that hold tenants apart.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("tenant_configs", "enhancement_history")
# The tenant that the unit of work has bound; nothing where there is none.
BOUND = "( SELECT NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text) AS \"nullif\")"
OWN_ROWS = f"((tenant_id)::text = {BOUND})"


def upgrade() -> None:
    op.create_role("app_user", login=True)
    op.create_role("admin", login=True, bypass_rls=True)
    for table in TABLES:
        op.grant("app_user", ("INSERT", "SELECT", "UPDATE"), table)
        op.grant("admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), table)
        op.create_policy("tenant_isolation_policy", table, roles=("app_user",), using=OWN_ROWS, check=OWN_ROWS)
        # Forced row security holds the owner too: without this, a later migration's UPDATE would touch no row.
        op.create_policy("owner_maintenance_policy", table, roles=("ai_agents_owner",), using="true", check="true")
        op.enable_row_security(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.disable_row_security(table)
        op.drop_policy("owner_maintenance_policy", table)
        op.drop_policy("tenant_isolation_policy", table)
        op.revoke("admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), table)
        op.revoke("app_user", ("INSERT", "SELECT", "UPDATE"), table)
    op.drop_role("admin")
    op.drop_role("app_user")
