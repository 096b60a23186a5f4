"""Where messages stand in the space that searches look in, in partitions by organisation.

Revision: 20251113030000
Follows: 20251113020000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR

revision = "20251113030000"
down_revision = "20251113020000"
branch_labels = None
depends_on = None

TABLE = "message_embeddings"
EVERYTHING = ("DELETE", "INSERT", "SELECT", "UPDATE")
SETTING = "(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid"
OWN_ROWS = f'(organization_id = ( SELECT {SETTING} AS "nullif"))'


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), server_default=sa.text(SETTING), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("embedding", VECTOR(384), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("vector_norm(embedding) > 0", name=op.f("ck_message_embeddings_direction")),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["messages.organization_id", "messages.id"],
            name="fk_message_embeddings_organization_id_message_id_messages",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "message_id", name="pk_message_embeddings"),
        postgresql_partition_by='HASH ("organization_id")',
    )
    op.create_hash_partitions(TABLE, 32)
    # One definition: PostgreSQL makes the index of each partition.
    op.create_index(
        "idx_message_embeddings_embedding",
        TABLE,
        ["embedding"],
        postgresql_using="hnsw",
        postgresql_ops={"embedding": "vector_cosine_ops"},
    )
    op.grant("plc_coach_app", EVERYTHING, TABLE)
    op.grant("plc_coach_admin", EVERYTHING, TABLE)
    op.create_policy("tenant_isolation_policy", TABLE, roles=("plc_coach_app",), using=OWN_ROWS, check=OWN_ROWS)
    op.create_policy("owner_maintenance_policy", TABLE, roles=("plc_coach_owner",), using="true", check="true")
    op.enable_row_security(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
