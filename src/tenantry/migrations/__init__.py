"""Migrations with Alembic, also for objects that are not tables.

A service needs a folder `migrations/versions/`; `tenantry revision` creates it. To use plain `alembic` in the service's
folder, add two files. `migrations/env.py`:

    from tenantry.alembic import run_environment
    run_environment("bookshop.service:service")

and `alembic.ini`:

    [alembic]
    script_location = %(here)s/migrations
    prepend_sys_path = %(here)s/..
    path_separator = os
    file_template = %%(rev)s_%%(slug)s

`alembic revision` uses the template `migrations/script.py.mako`, a copy of the one in `script_directory/`.
"""

from tenantry.migrations.configuration import head_revision, make_config, script_directory
from tenantry.migrations.environment import run_environment
from tenantry.migrations.runner import current_revision, migrate, rollback
from tenantry.migrations.script import schema_script

__all__ = [
    "current_revision",
    "head_revision",
    "make_config",
    "migrate",
    "rollback",
    "run_environment",
    "schema_script",
    "script_directory",
]
