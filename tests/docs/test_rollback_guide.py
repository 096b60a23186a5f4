"""The rollback guide of PLC Coach, which its story asks for: whole, of this checkout, and found by who looks for it.

`tests/acceptance/readme/test_rollback_guide.py` does what it says.
"""

from __future__ import annotations

import re

import pytest
from documents import ROOT, anchors, links

from plc_coach.service import service
from tenantry import cli, errors
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

GUIDE = ROOT / "services" / "plc_coach" / "migrations" / "README.md"
TEXT = GUIDE.read_text(encoding="utf-8")


def test_it_has_a_procedure_and_an_emergency_guide() -> None:
    assert {"rolling-back-step-by-step", "emergency-guide"} <= anchors(GUIDE)
    assert re.findall(r"^(\d)\. \*\*", TEXT, re.MULTILINE) == [str(step) for step in range(1, 8)]


def test_every_revision_is_in_its_table_with_what_its_rollback_loses() -> None:
    revisions = [path.name.partition("_")[0] for path in sorted((service.migrations / "versions").glob("*.py"))]
    rows = re.findall(r"^\| `(\d{14})` [^|]+\| [^|]+ \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert [revision for revision, _ in rows] == revisions
    assert all(loss.strip() for _, loss in rows)


def test_what_it_names_exists() -> None:
    """Commands, variables and codes of errors."""
    commands = set(re.findall(r"tenantry (\w+)(?= --service| \d{14}|`|$)", TEXT))
    assert commands
    assert commands <= set(cli.entry.COMMANDS)
    known = {one.name for one in list_variables(service.settings)}
    assert set(re.findall(r"PLC_COACH_[A-Z_]*[A-Z]", TEXT)) <= known
    assert f"`{errors.ExtensionMissing.code}`" in TEXT


@pytest.mark.parametrize("page", ["README.md", "docs/README.md", "docs/howto/migrate-and-roll-back.md"])
def test_it_is_linked(page: str) -> None:
    path = ROOT / page
    assert GUIDE in {(path.parent / target.partition("#")[0]).resolve() for target in links(path)}
