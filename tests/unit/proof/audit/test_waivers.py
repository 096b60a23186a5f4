"""A finding is waived by its code and its object, with a reason, and by nothing less."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tenantry.proof.audit import RULES, Finding
from tenantry.proof.audit.waivers import apply_waivers, read_waivers

FINDING = Finding("TN406", "warning", "items", "table public.spatial_ref_sys", "No model declares it.", "DROP TABLE x")
OTHER = Finding("TN406", "warning", "items", "table public.leftover", "No model declares it.", "DROP TABLE y")
UNUSED, MALFORMED = RULES["waiver_unused"].code, RULES["waiver_malformed"].code


def apply(tmp_path: Path, text: str, *findings: Finding) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what is left as code and object, and what is waived as object and reason."""
    path = tmp_path / "audit.waivers"
    path.write_text(text)
    left, waived = apply_waivers(findings or (FINDING, OTHER), read_waivers(path), "items", path.name)
    assert {one.service for one in left} <= {"items"}
    return [(one.code, one.object) for one in left], [(one.object, one.reason) for one in waived]


def test_one_finding_is_waived_and_its_like_is_not(tmp_path: Path) -> None:
    """A waived finding keeps all that it said."""
    left, waived = apply(tmp_path, f"# PostGIS\n\n{FINDING.code} {FINDING.object}  # reference systems of PostGIS\n")
    assert left == [(OTHER.code, OTHER.object)]
    assert waived == [(FINDING.object, "reference systems of PostGIS")]


def test_a_line_that_two_findings_meet_waives_neither(tmp_path: Path) -> None:
    """What was accepted once must not hide what comes later to the same object."""
    later = dataclasses.replace(FINDING, message="Another one.")
    left, waived = apply(tmp_path, f"{FINDING.code} {FINDING.object}  # accepted\n", FINDING, later)
    assert waived == []
    own = (RULES["waiver_ambiguous"].code, "audit.waivers:1")
    assert left == [own, (FINDING.code, FINDING.object), (FINDING.code, FINDING.object)]


def test_without_a_file_nothing_is_waived(tmp_path: Path) -> None:
    left, waived = apply_waivers([FINDING], read_waivers(tmp_path / "absent"), "items", "absent")
    assert (left, waived) == ([FINDING], [])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("TN406 table public.leftover", "no reason"),
        ("TN406 table public.leftover  #", "no reason"),
        ("TN406  # all of them", "which object"),
        ("TN406", "which object"),
        ("TN998 table public.leftover  # so", "no rule TN998"),
        ("leftover  # so", "no rule leftover"),
        (f"{UNUSED} audit.waivers:1  # so", "cannot be waived"),
        (f"{MALFORMED} audit.waivers:1  # so", "cannot be waived"),
    ],
)
def test_a_line_that_says_too_little_waives_nothing_and_is_an_error(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "audit.waivers"
    path.write_text(f"# reasons\n{line}\n")
    left, waived = apply_waivers([OTHER], read_waivers(path), "items", path.name)
    (told,) = [one for one in left if one != OTHER]
    assert OTHER in left
    assert waived == []
    assert (told.code, told.severity, told.object) == (MALFORMED, "error", "audit.waivers:2")
    assert fault in told.message


def test_a_byte_order_mark_is_no_fault_and_another_encoding_is(tmp_path: Path) -> None:
    path = tmp_path / "audit.waivers"
    line = f"{FINDING.code} {FINDING.object}  # so"
    path.write_text(line, encoding="utf-8-sig")
    assert [waiver.code for waiver in read_waivers(path).waivers] == [FINDING.code]
    path.write_text(line, encoding="utf-16")
    assert (read_waivers(path).waivers, len(read_waivers(path).malformed)) == ((), 1)


def test_a_line_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    left, waived = apply(tmp_path, f"{FINDING.code} {FINDING.object} # one\n{FINDING.code} {FINDING.object} # two\n")
    assert waived == [(FINDING.object, "one")]
    assert (MALFORMED, "audit.waivers:2") in left


@pytest.mark.parametrize("line", ["TN406 table public.gone  # so", "TN405 table public.leftover  # so"])
def test_a_waiver_that_matches_nothing_is_found(tmp_path: Path, line: str) -> None:
    """Neither another object nor another code of the same object will do."""
    left, waived = apply(tmp_path, line, OTHER)
    assert left == [(OTHER.code, OTHER.object), (UNUSED, "audit.waivers:1")]
    assert waived == []


def test_the_gravest_still_comes_first(tmp_path: Path) -> None:
    left, _ = apply(tmp_path, "TN406 table public.leftover\n", FINDING)
    assert [code for code, _ in left] == [MALFORMED, FINDING.code]


def test_an_object_may_hold_a_sharp_sign(tmp_path: Path) -> None:
    odd = Finding("TN406", "warning", "items", "table public.a#b", "No model declares it.", "")
    assert apply(tmp_path, "TN406 table public.a#b  # its name is no comment\n", odd) == (
        [],
        [("table public.a#b", "its name is no comment")],
    )
