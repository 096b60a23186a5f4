"""The public names for migrations: Alembic's environment, and migrations from code.

A service's `migrations/env.py` is

    from tenantry.alembic import run_environment

    run_environment("bookshop.service:service")

Importing this module also registers the operations that Tenantry adds to `alembic.op`.
"""

from tenantry.migrations import (
    current_revision,
    head_revision,
    make_config,
    migrate,
    rollback,
    run_environment,
    schema_script,
)

__all__ = [
    "current_revision",
    "head_revision",
    "make_config",
    "migrate",
    "rollback",
    "run_environment",
    "schema_script",
]
