"""Attempts at passwords, which slow down the next ones, and changes of passwords, which make older tokens void.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWNER, APPLICATION, ADMIN = "accounts_owner", "accounts_app", "accounts_admin"
ALL = ("DELETE", "INSERT", "SELECT", "UPDATE")
SETTING = "(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid"
OWN_ROWS = f'(tenant_id = ( SELECT {SETTING} AS "nullif"))'
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "password_changes",
        sa.Column("tenant_id", sa.Uuid(), server_default=sa.text(SETTING), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name="pk_password_changes"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_password_changes_tenant_id_user_id_users",
            ondelete="CASCADE",
        ),
    )
    op.grant(APPLICATION, ("INSERT", "SELECT", "UPDATE"), "password_changes")
    op.grant(ADMIN, ALL, "password_changes")
    op.create_policy(
        "tenant_isolation_policy", "password_changes", roles=(APPLICATION,), using=OWN_ROWS, check=OWN_ROWS
    )
    op.create_policy("owner_maintenance_policy", "password_changes", roles=(OWNER,), using="true", check="true")
    op.enable_row_security("password_changes")
    # Without a tenant, as an address that nobody has: its keys are digests that nobody can read.
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempts"),
    )
    op.create_index("ix_sign_in_attempts_last_at", "sign_in_attempts", ["last_at"])
    op.grant(APPLICATION, ALL, "sign_in_attempts")
    op.grant(ADMIN, ALL, "sign_in_attempts")


def downgrade() -> None:
    op.drop_table("sign_in_attempts")
    op.drop_table("password_changes")
