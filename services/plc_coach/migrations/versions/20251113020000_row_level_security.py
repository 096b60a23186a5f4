"""Roles, what they may do, the policies that hold organisations apart, and the three lookups that lead to one.

Revision: 20251113020000
Follows: 20251113010000
"""

from __future__ import annotations

from alembic import op

revision = "20251113020000"
down_revision = "20251113010000"
branch_labels = None
depends_on = None

EVERYTHING = ("DELETE", "INSERT", "SELECT", "UPDATE")
WITHOUT_DELETE = ("INSERT", "SELECT", "UPDATE")
# What the application may do; messages go with their conversation, users by the admin's hand.
TABLES = {
    "users": WITHOUT_DELETE,
    "sessions": EVERYTHING,
    "conversations": EVERYTHING,
    "messages": WITHOUT_DELETE,
}
BOUND = "( SELECT (NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid AS \"nullif\")"
OWN_ROWS = f"(organization_id = {BOUND})"

# By function: the type of its argument, its table, and when a row leads to its organisation.
LOOKUPS = {
    "tenant_of_users_by_email": ("key_email character varying", "users", 't."email" = $1'),
    "tenant_of_sessions_by_id": ("key_id uuid", "sessions", 't."id" = $1 AND (t.expires_at > now())'),
    "tenant_of_conversations_by_share_token": (
        "key_share_token character varying",
        "conversations",
        't."share_token" = $1 AND (t.share_enabled)',
    ),
}


def upgrade() -> None:
    op.create_role("plc_coach_app", login=True)
    op.create_role("plc_coach_admin", login=True, bypass_rls=True)
    for table, privileges in TABLES.items():
        op.grant("plc_coach_app", privileges, table)
        op.grant("plc_coach_admin", EVERYTHING, table)
        op.create_policy("tenant_isolation_policy", table, roles=("plc_coach_app",), using=OWN_ROWS, check=OWN_ROWS)
        # Forced row security holds the owner too: without this, a later migration's UPDATE would touch no row.
        op.create_policy("owner_maintenance_policy", table, roles=("plc_coach_owner",), using="true", check="true")
        op.enable_row_security(table)
    for name, (arguments, table, condition) in LOOKUPS.items():
        op.create_function(
            name,
            body=f'\n    SELECT t."organization_id", t."id"\n    FROM "public"."{table}" AS t\n    WHERE {condition}\n',  # noqa: S608
            returns="TABLE(tenant uuid, key uuid)",
            arguments=arguments,
            language="sql",
            volatility="STABLE",
            security_definer=True,
            search_path="pg_catalog, pg_temp",
            execute=("plc_coach_app",),
        )


def downgrade() -> None:
    for name, (arguments, _, _) in LOOKUPS.items():
        op.drop_function(name, arguments=arguments)
    for table, privileges in TABLES.items():
        op.disable_row_security(table)
        op.drop_policy("owner_maintenance_policy", table)
        op.drop_policy("tenant_isolation_policy", table)
        op.revoke("plc_coach_admin", EVERYTHING, table)
        op.revoke("plc_coach_app", privileges, table)
    op.drop_role("plc_coach_admin")
    op.drop_role("plc_coach_app")
