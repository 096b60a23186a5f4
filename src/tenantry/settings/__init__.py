"""Settings from the environment: the database's address, the pool, the keys.

The invariants: an error names the wrong or missing variable with its prefix; and no secret is in a repr, a dump or an
error. `EnvironmentSettings` reads the variables and explains errors, `DatabaseSettings` adds the fields that every
service needs, and `list_variables` describes the variables for the documentation.
"""

from __future__ import annotations

from tenantry.settings.base import EnvironmentSettings
from tenantry.settings.database import DatabaseSettings, Purpose
from tenantry.settings.variables import Variable, list_variables

__all__ = ["DatabaseSettings", "EnvironmentSettings", "Purpose", "Variable", "list_variables"]
