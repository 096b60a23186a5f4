"""Which creations were answered already, so that none is done twice.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "idempotency_keys"
EVERYTHING = ("DELETE", "INSERT", "SELECT", "UPDATE")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_expires_at", TABLE, ["expires_at"])
    op.grant("items_app", EVERYTHING, TABLE)
    op.grant("items_admin", EVERYTHING, TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
