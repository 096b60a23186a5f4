"""The assertions that were used, so that none is used twice.

Revision: 20251113040000
Follows: 20251113030000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20251113040000"
down_revision = "20251113030000"
branch_labels = None
depends_on = None

TABLE = "identity_assertions"
SETTING = "(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid"
OWN_ROWS = f'(organization_id = ( SELECT {SETTING} AS "nullif"))'


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), server_default=sa.text(SETTING), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_identity_assertions"),
    )
    op.grant("plc_coach_app", ("DELETE", "INSERT", "SELECT"), TABLE)
    op.grant("plc_coach_admin", ("DELETE", "INSERT", "SELECT", "UPDATE"), TABLE)
    op.create_policy("tenant_isolation_policy", TABLE, roles=("plc_coach_app",), using=OWN_ROWS, check=OWN_ROWS)
    op.create_policy("owner_maintenance_policy", TABLE, roles=("plc_coach_owner",), using="true", check="true")
    op.enable_row_security(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
