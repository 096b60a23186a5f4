"""Everything that a service declares is broken by hand, once, and the audit must name what was broken.

A sabotage is made in a transaction that the audit looks at from inside and that is rolled back.
"""

from __future__ import annotations

import re

import pytest
from sabotage import SABOTAGES, Sabotage, names_of
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Address, Service
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.audit import RULES, Finding, audit

# What no transaction of ours can make, with the test that looks at it elsewhere.
ELSEWHERE = {
    "not_compared": "depends on who asks: test_audit",
    "server_outdated": "depends on the server: test_audit_server",
    "logical_slot": "needs a server with wal_level = logical: test_audit_server",
    "login_escapes": "depends on the login that the application has: test_audit_logins",
    "waiver_unused": "is about the list of waivers: test_waivers",
    "waiver_malformed": "is about the list of waivers: test_waivers",
    "waiver_ambiguous": "is about the list of waivers: test_waivers",
}

# No statement fixes these, or only one that cannot run in a transaction.
BY_HAND = {
    "partitions_differ": "rows have to move",
    "table_missing": "a migration makes it",
    "revision_behind": "a migration",
    "revision_unknown": "another build",
    "table_undeclared": "a model declares it",
    "view_undeclared": "a model declares it",
    "tenant_collation": "the policies stand in the way",
    "tenant_index_missing": "CONCURRENTLY",
    "index_invalid": "CONCURRENTLY",
    "server_setting": "ALTER SYSTEM",
    "subscription": "not in a transaction",
}
# These statements lose data, so a remedy has to name the loss before it: "If its values may be lost: ALTER TABLE ...".
LOSES = re.compile(
    r"\bDROP (?:COLUMN|TABLE|SCHEMA|SEQUENCE|EXTENSION|SUBSCRIPTION|DATABASE|OWNED)\b"
    r"|\bALTER COLUMN .+ TYPE (?!.* COLLATE )|lo_unlink|pg_drop_replication_slot"
    r"|^(?:TRUNCATE|DELETE|UPDATE)\b|\bDROP\b.*\bCASCADE$",
)
CONDITION = re.compile(r"(?:[^:]*\. )?If [^:]* may be lost: ")
# The remedy of another finding has already removed the object.
UNDEFINED = {"42704", "42883", "42P01"}


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=str)
async def test_a_sabotage_is_found(
    superuser: AsyncConnection, service: Service, full_schema_address: Address, sabotage: Sabotage
) -> None:
    """Each finding has the code and names the object; its remedy can be sent as it stands, and silences it."""
    if sabotage.since > int((await superuser.exec_driver_sql("SHOW server_version_num")).scalar_one()):
        pytest.skip(f"needs PostgreSQL {sabotage.since // 10000}")
    names = names_of(service, full_schema_address.database)
    for statement in sabotage.statements(names):
        await superuser.exec_driver_sql(statement)
    await superuser.exec_driver_sql("SAVEPOINT broken")
    findings = await audit(superuser, service)
    wanted = sabotage.object.format(**names)
    expected = []
    for rule in sabotage.rules:
        found = [one for one in findings if one.code == RULES[rule].code and one.object.startswith(wanted)]
        assert found, (rule, findings)
        assert sabotage.severity in {"", *(one.severity for one in found)}
        assert all(one.remedy and one.message.endswith(".") and one.service == "full_schema" for one in found)
        assert [one.remedy for one in found if _loses_unasked(one.remedy)] == []
        expected += [] if rule in BY_HAND else found
    # Going back to the savepoint also ends the audit's READ ONLY.
    await superuser.exec_driver_sql("ROLLBACK TO SAVEPOINT broken")
    for finding in expected:
        await _fix(superuser, finding)
    left = {(one.code, one.object, one.severity) for one in await audit(superuser, service)}
    assert [one for one in expected if (one.code, one.object, one.severity) in left] == []


async def _fix(connection: AsyncConnection, finding: Finding) -> None:
    for statement in _statements(finding.remedy):
        try:
            async with connection.begin_nested():
                await connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if sqlstate_of(error) not in UNDEFINED:
                raise


def _statements(remedy: str) -> list[str]:
    """Return the statements of a remedy, after the condition under which they may be sent."""
    return re.split(r"; (?=[A-Z])", CONDITION.sub("", remedy))


def _loses_unasked(remedy: str) -> bool:
    return CONDITION.match(remedy) is None and any(LOSES.search(one) for one in _statements(remedy))


@pytest.mark.parametrize(
    ("remedy", "loses"),
    [
        ("ALTER TABLE x DROP COLUMN y", True),
        ("If its values may be lost: ALTER TABLE x DROP COLUMN y", False),
        ("Declare it. If its values may be lost: ALTER TABLE x DROP COLUMN y", False),
        ("ALTER TABLE x ALTER COLUMN y TYPE date", True),
        ("REVOKE TRUNCATE ON TABLE x FROM y", False),
        ("REVOKE ALL ON x FROM y; DROP SEQUENCE z", True),
    ],
)
def test_a_remedy_that_loses_data_names_the_loss_first(remedy: str, loses: bool) -> None:  # noqa: FBT001  # a parameter
    assert _loses_unasked(remedy) is loses


def test_every_rule_has_a_sabotage() -> None:
    """A check that cannot fail is none."""
    assert {rule for sabotage in SABOTAGES for rule in sabotage.rules} | ELSEWHERE.keys() == set(RULES)


def test_what_is_fixed_by_hand_is_a_rule() -> None:
    assert set(RULES) >= BY_HAND.keys() | ELSEWHERE.keys()


def test_the_sabotages_are_many_and_differ() -> None:
    assert len(SABOTAGES) >= 130
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)
    assert len({sabotage.sql for sabotage in SABOTAGES}) == len(SABOTAGES)
