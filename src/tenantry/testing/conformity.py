"""The tests that every service should pass, for a user to run on their own: `class TestConformity(Conformity): pass`.

The tests are synchronous. The coroutines run in the administrator's loop, so that it does not matter whether a project
uses pytest-asyncio, in which mode, or anyio. A failure is a text that says what differs and where, without a traceback
through this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from tenantry.migrations import migrate, rollback
from tenantry.migrations.pending import pending_operations
from tenantry.postgres.definitions import Change, compare_definitions
from tenantry.proof.audit import Finding
from tenantry.proof.audit.inspection import audit_database
from tenantry.service import Service
from tenantry.tenancy.database import Database
from tenantry.testing.administrator import Administrator
from tenantry.testing.protection import excessive_rights, tenant_tables, unprotected_tables
from tenantry.testing.reversal import (
    Step,
    describe_changes,
    find_inexact_reverses,
    list_steps,
    read_catalog,
    superuser,
)
from tenantry.testing.scratch import ScratchDatabase

__all__ = ["Conformity"]


class Conformity:
    """The tests of a service's migrations, roles and row security. Derive a class whose name begins with `Test`.

        class TestConformity(Conformity):
            pass

    Where a project has several services, mark each class with `@pytest.mark.tenantry(service="...")`.

    Attributes:
        first_revision: the oldest revision whose downgrade is tested; by default the first one.
    """

    first_revision: ClassVar[str] = ""

    async def fill(self, database: Database) -> None:
        """Insert rows for the test that rolls back and migrates again. Override it; by default tables are empty."""

    def test_up_down_up_leaves_an_equal_catalog(
        self, tenantry_clone: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """Rolling back all revisions and migrating again restores every object, also where tables have rows."""
        steps = _steps(tenantry_clone.service, self.first_revision)
        target = next(step.target for step in steps if step.is_tested) if self.first_revision else "base"
        changes = tenantry_administrator.run(self._round_trip(tenantry_clone, target))
        if changes:
            _fail(
                f"Rolling {tenantry_clone.service.name} back to {target} and migrating it again changes the catalog. "
                f"Lines with - were there before, lines with + are there now:\n{describe_changes(changes)}"
            )

    def test_each_revision_has_an_exact_reverse(
        self, tenantry_empty: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """The downgrade of each revision leaves the catalog as it was before its upgrade."""
        steps = _steps(tenantry_empty.service, self.first_revision)
        _fail_for(tenantry_administrator.run(find_inexact_reverses(tenantry_empty, steps)))

    def test_models_and_migrations_agree(
        self, tenantry_clone: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """A migrated database holds what the models declare, so `tenantry revision` has nothing to write."""
        operations = tenantry_administrator.run(pending_operations(tenantry_clone.deployment))
        if operations:
            name = tenantry_clone.service.name
            _fail(
                f"The models of {name} declare what no migration creates, or the other way round. A revision needs:\n"
                f"{operations}\nWrite it with: tenantry revision --service {name} -m MESSAGE"
            )

    def test_row_security_is_forced_on_every_tenant_table(
        self, tenantry_clone: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """Row security is enabled and forced on the tables that hold tenants' rows, and on their partitions."""
        if not tenant_tables(tenantry_clone.service):
            pytest.skip(f"The service {tenantry_clone.service.name} has no tenant tables.")
        _fail_for(tenantry_administrator.run(_unprotected_tables(tenantry_clone)))

    def test_roles_have_no_more_rights_than_they_need(
        self, tenantry_empty: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """The application has no attribute but LOGIN and no membership, the admin BYPASSRLS alone, the owner no login.

        Roles belong to the cluster, and the downgrade of another test may just have changed them. So this test migrates
        a database of its own.
        """
        _fail_for(tenantry_administrator.run(_excessive_rights(tenantry_empty)))

    def test_the_audit_finds_nothing(
        self, tenantry_clone: ScratchDatabase, tenantry_administrator: Administrator
    ) -> None:
        """`tenantry audit` has no finding that the service's list of waivers does not accept."""
        findings = tenantry_administrator.run(audit_database(tenantry_clone.deployment))
        _fail_for([_describe_finding(finding) for finding in findings])

    async def _round_trip(self, scratch: ScratchDatabase, target: str) -> list[Change]:
        async with scratch.deployment.database() as database:
            await self.fill(database)
        # No revision runs. A copy of the template lacks privileges on the database itself; every migration grants them.
        await migrate(scratch.deployment)
        before = await read_catalog(scratch)
        await rollback(scratch.deployment, target)
        await migrate(scratch.deployment)
        return compare_definitions(before, await read_catalog(scratch))


async def _unprotected_tables(scratch: ScratchDatabase) -> list[str]:
    async with superuser(scratch) as connection:
        return await unprotected_tables(connection, scratch.service)


async def _excessive_rights(scratch: ScratchDatabase) -> list[str]:
    await migrate(scratch.deployment)
    async with superuser(scratch) as connection:
        return await excessive_rights(connection, scratch.service.roles)


def _steps(service: Service, first_revision: str) -> list[Step]:
    """Return the revisions; without any, the test is skipped."""
    steps = list_steps(service, first_revision)
    if not steps:
        pytest.skip(f"The service {service.name} has no revisions.")
    return steps


def _describe_finding(finding: Finding) -> str:
    return f"{finding.code} {finding.object}\n    {finding.severity}: {finding.message}\n    Remedy: {finding.remedy}"


def _fail_for(paragraphs: Sequence[str]) -> None:
    if paragraphs:
        _fail("\n\n".join(paragraphs))


def _fail(text: str) -> None:
    raise pytest.fail.Exception(text, pytrace=False)
