"""The figures in the documentation are those of the code and of the tests."""

from __future__ import annotations

import re
from pathlib import Path

import attack_sabotage
import pytest
import runtime_sabotage
import sabotage
from documents import ROOT

from tenantry.proof.isolation.attack import all_attacks
from tenantry.proof.isolation.run import FAMILIES
from tenantry.proof.isolation.runtime.load import LEAST_CHECKS
from tenantry.proof.scratch.clone import LARGEST_TEMPLATE

pytestmark = pytest.mark.docs

README = ROOT / "README.md"
PROOF = ROOT / "docs" / "explanation" / "proof.md"
HOWTO = ROOT / "docs" / "howto" / "prove-isolation.md"


def count_sabotages() -> int:
    """Count the different ways in which the tests break a schema or the toolkit."""
    statements = {one.sql for one in sabotage.SABOTAGES} | {one.sql for one in attack_sabotage.SABOTAGES}
    return len(statements) + len(runtime_sabotage.SABOTAGES)


def count_attacks() -> int:
    assert FAMILIES
    return len(all_attacks())


def rounded(count: int, step: int) -> int:
    """Return a count, rounded down, so that one more does not change the page."""
    return count // step * step


@pytest.mark.parametrize(
    ("page", "figure", "expected"),
    [
        (README, r"at least (\d+) ways", rounded(count_sabotages(), 20)),
        (PROOF, r"at least (\d+) ways", rounded(count_sabotages(), 20)),
        (README, r"at least (\d+) attacks", rounded(count_attacks(), 20)),
        (PROOF, r"at least\s+([\d,]+) interleaved checks", LEAST_CHECKS),
        (PROOF, r"at most (\d+) MiB", LARGEST_TEMPLATE // 2**20),
        (HOWTO, r"larger than (\d+) MiB", LARGEST_TEMPLATE // 2**20),
    ],
)
def test_a_figure_is_that_of_the_code(page: Path, figure: str, expected: int) -> None:
    (found,) = re.findall(figure, " ".join(page.read_text(encoding="utf-8").split()))
    assert int(found.replace(",", "")) == expected
