"""The list of waivers itself: each line is complete and matches exactly one finding."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.rule import Violation, violation, waiver_rule
from tenantry.proof.audit.waiver import Match


@waiver_rule(
    "TN901",
    "warning",
    reason="A line that matches no finding today would hide a later finding with the same code and object.",
    remedy="Remove the line, or correct its object.",
)
def waiver_unused(match: Match) -> Iterator[Violation]:
    """Every line of the list of waivers matches a finding."""
    for one in match.waivers:
        if match.count(one) == 0:
            message = f"The audit does not find {one.code} for {one.object}, which this line waives."
            yield violation(f"{match.file}:{one.line}", message, f"Remove the line: {one.reason}")


@waiver_rule(
    "TN902",
    "error",
    reason="Without them a later reader cannot see what was accepted, and why.",
    remedy="Write `CODE object  # reason`, with the object as the finding names it.",
)
def waiver_malformed(match: Match) -> Iterator[Violation]:
    """Every line of the list of waivers has a code, an object and a reason."""
    for line, fault in match.malformed:
        yield violation(f"{match.file}:{line}", fault, "Write: CODE object  # reason")


@waiver_rule(
    "TN903",
    "error",
    reason="A waiver of one finding would hide later findings of the same code and object.",
    remedy="Fix the findings until one is left; the line waives no finding before.",
)
def waiver_ambiguous(match: Match) -> Iterator[Violation]:
    """Every line of the list of waivers matches only one finding."""
    for one in match.waivers:
        number = match.count(one)
        if number > 1:
            message = f"{number} findings are {one.code} for {one.object}: it is unclear which one this line waives."
            yield violation(f"{match.file}:{one.line}", message, "Fix the findings until one is left.")
