"""The story's table, its indexes and its trigger; the roles that use it.

Revision: 0001
Follows:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EVERYTHING = ("DELETE", "INSERT", "SELECT", "UPDATE")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_role("items_app", login=True)
    op.create_role("items_admin", login=True, bypass_rls=True)
    op.create_table(
        "items",
        # In the server itself since PostgreSQL 13; the story's extension "uuid-ossp" is not needed for it.
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("items_name_not_empty")),
        sa.PrimaryKeyConstraint("id", name="items_pkey"),
    )
    op.create_index("idx_items_created_at", "items", [sa.text("created_at DESC")])
    op.create_index("idx_items_name", "items", ["name"])
    op.create_function(
        "update_updated_at_column",
        body="\nBEGIN\n    NEW.updated_at = clock_timestamp();\n    RETURN NEW;\nEND;\n",
        search_path="pg_catalog",
    )
    op.create_trigger("trigger_items_updated_at", "items", function="update_updated_at_column")
    op.grant("items_app", EVERYTHING, "items")
    op.grant("items_admin", EVERYTHING, "items")


def downgrade() -> None:
    op.drop_table("items")
    op.drop_function("update_updated_at_column")
    op.drop_role("items_admin")
    op.drop_role("items_app")
