"""Alembic, with everything that is not a table, run safely.

A service has a folder of migrations with three files of its own. `env.py` is three lines (see `environment`),
`script.py.mako` is a copy of the one beside this module, and `alembic.ini` stands one folder up:

    [alembic]
    script_location = %(here)s/migrations
    prepend_sys_path = %(here)s/..
    path_separator = os
    file_template = %%(rev)s_%%(slug)s
"""

from tenantry.migrations.environment import run_environment
from tenantry.migrations.runner import current_revision, head_revision, make_config, migrate, rollback
from tenantry.migrations.script import schema_script

__all__ = [
    "current_revision",
    "head_revision",
    "make_config",
    "migrate",
    "rollback",
    "run_environment",
    "schema_script",
]
