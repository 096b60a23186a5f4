"""The tests of Tenantry that every service passes."""

from __future__ import annotations

from tenantry.testing import Conformity


class TestConformity(Conformity):
    pass
