"""The tests of Tenantry that every service passes; here on tables with rows, in partitions too."""

from __future__ import annotations

import coaching

from tenantry import Database
from tenantry.testing import Conformity


class TestConformity(Conformity):
    async def fill(self, database: Database) -> None:
        await coaching.fill(database)
