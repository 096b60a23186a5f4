"""A service's schema as one SQL script, to make a database without this toolkit: with psql, or at a container's start.

The script is what the migrations print, so that it cannot say anything else than they do; and it leaves the version
table behind, so that they go on from there.
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
    """Return the SQL that makes the service's roles and schema in an empty database, to be run as a superuser."""
    config = make_config(service)
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    (statement,) = Role(service.roles.owner).create()
    owner = _STATEMENTS["owner_block"].format(name=literal(service.roles.owner), statement=literal(statement))
    return f"{owner};\n\n{config.output_buffer.getvalue().strip()}\n\nRESET ROLE;\n"
