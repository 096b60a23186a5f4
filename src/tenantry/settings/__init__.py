"""Settings from the environment: where the database is, how the pool behaves, which keys encrypt.

The invariants: a wrong or missing value gives one sentence that names the variable, with its prefix; and no secret is
in a repr, a dump or an error. `EnvironmentSettings` reads and explains, `DatabaseSettings` adds what every service
needs, `list_variables` tells the documentation what there is.
"""

from __future__ import annotations

from tenantry.settings.base import EnvironmentSettings
from tenantry.settings.database import DatabaseSettings, Purpose
from tenantry.settings.variables import Variable, list_variables

__all__ = ["DatabaseSettings", "EnvironmentSettings", "Purpose", "Variable", "list_variables"]
