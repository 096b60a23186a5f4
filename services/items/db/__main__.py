"""Writes `init.sql` from the migrations."""

from __future__ import annotations

from pathlib import Path

from items.service import service
from tenantry.alembic import schema_script

HEADER = """\
-- The schema of the Items service, for an empty database:
--     psql -v ON_ERROR_STOP=1 -d items -f services/items/db/init.sql
-- Run it as a superuser. Then give the login that DB_USER names its password:  ALTER ROLE items_app PASSWORD '...';
-- This file is made from the migrations by `python -m items.db`; change those, not this.

"""


def render() -> str:
    """Return the text of the file."""
    return HEADER + schema_script(service)


if __name__ == "__main__":
    (Path(__file__).parent / "init.sql").write_text(render(), encoding="utf-8")
