"""TN9xx: the list of waivers itself."""

from __future__ import annotations

from tenantry.proof.audit.rules.rule import Rule

__all__ = ["WAIVERS"]

WAIVERS = (
    Rule(
        "TN901",
        "waiver_unused",
        "warning",
        "Every line of the list of waivers waives something that is found.",
        "A line that waives nothing today would hide tomorrow's finding of the same code and object.",
        "Remove the line, or correct its object.",
    ),
    Rule(
        "TN902",
        "waiver_malformed",
        "error",
        "Every line of that list names a code and an object, and gives a reason.",
        "Nobody can tell later what was accepted, and why.",
        "Write `CODE object  # reason`, with the object as the finding names it.",
    ),
    Rule(
        "TN903",
        "waiver_ambiguous",
        "error",
        "Every line of that list waives one finding.",
        "What was accepted once would hide what comes later to the same object.",
        "Mend the findings until one is left; none of them is waived before.",
    ),
)
