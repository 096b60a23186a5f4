"""Which tables the revisions of a service create."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tenantry.migrations.created_tables import created_tables

REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "first"
down_revision = None
NAME = "named"

def upgrade():
    op.create_table("books", sa.Column("id", sa.Integer()))
    op.create_table("invoices", sa.Column("id", sa.Integer()), schema="billing")
    op.create_table("shelves", schema=None)
    op.create_table(NAME)
    op.create_table(f"{NAME}_old")
    op.rename_table("books", "volumes")
    op.execute("CREATE TABLE by_hand (id integer)")
    op.drop_table("other")

def downgrade():
    raise AssertionError("This file is read, and not run.")
"""


def test_tables_are_read_from_the_operations_of_revisions(tmp_path: Path) -> None:
    """By their constant names; a table of which nothing is known is not dropped."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "first.py").write_text(REVISION)
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    assert created_tables(ScriptDirectory.from_config(config)) == {
        ("public", "books"),
        ("billing", "invoices"),
        ("public", "shelves"),
        ("public", "volumes"),
    }
