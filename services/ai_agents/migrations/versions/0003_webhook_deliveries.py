"""The webhooks that were accepted, so that none is accepted twice.

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

TABLE = "webhook_deliveries"
SETTING = "NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)"
OWN_ROWS = f'((tenant_id)::text = ( SELECT {SETTING} AS "nullif"))'


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.String(100), server_default=sa.text(SETTING), nullable=False),
        sa.Column("delivery_id", sa.String(200), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "delivery_id", name="pk_webhook_deliveries"),
    )
    op.grant("app_user", ("INSERT", "SELECT"), TABLE)
    op.grant("admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), TABLE)
    op.create_policy("tenant_isolation_policy", TABLE, roles=("app_user",), using=OWN_ROWS, check=OWN_ROWS)
    op.create_policy("owner_maintenance_policy", TABLE, roles=("ai_agents_owner",), using="true", check="true")
    op.enable_row_security(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
