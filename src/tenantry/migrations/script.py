"""A service's schema as one SQL script, to create a database without this toolkit: with psql, or in a container.

The script is the SQL of the migrations. It also fills the version table, so that later migrations continue after it.
"""

from __future__ import annotations

import io

from alembic import command

from tenantry.migrations.configuration import make_config
from tenantry.postgres.objects import Role
from tenantry.postgres.statements import load_statements
from tenantry.service import Service
from tenantry.sql import literal

__all__ = ["schema_script"]

_STATEMENTS = load_statements("tenantry.migrations", "script.sql")


def schema_script(service: Service) -> str:
    """Return the SQL that creates the service's roles and schema in an empty database; run it as a superuser."""
    config = make_config(service)
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    (statement,) = Role(service.roles.owner).create()
    owner = _STATEMENTS["owner_block"].format(name=literal(service.roles.owner), statement=literal(statement))
    return f"{owner};\n\n{config.output_buffer.getvalue().strip()}\n\nRESET ROLE;\n"
