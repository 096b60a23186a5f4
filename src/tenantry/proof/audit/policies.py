"""What is wrong with a policy that is not the declared one: the difference, given a name where it has one.

The catalog prints every expression fully bracketed (`pg_get_expr`), so that its parts can be told apart as text:
alternatives first, because whatever one of them lets through, the tenant's predicate does not stop. A part that fits no
name remains what it is, another policy than the declared one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenantry.postgres.objects import PUBLIC, Policy
from tenantry.proof.audit.finding import Draft, draft

__all__ = ["Context", "alternatives", "diagnose_clause", "diagnose_policy"]

_SETTING = re.compile(r"current_setting\('((?:[^']|'')*)'::text")
_NAME = r"\(*\"?(?P<column>[\w$]+)\"?\)*(?:::[\w ]+)?"
_COMPARED = re.compile(rf"^{_NAME} = (?P<value>.+)$", re.DOTALL)
# What stands round the setting in every spelling of the declared comparison; anything else says something else.
_PLAIN = re.compile(
    r"current_setting\('(?:[^']|'')*'::text(?:, true)?\)|NULLIF\(|, ''::text\)|\( SELECT | AS \"?\w+\"?"
    r"|::(?:character varying|\w+)(?:\(\d+\))?|[()\s]"
)
_IS_UNSET = re.compile(r"\)\s*(?:IS NULL|= ''::text)|''::text = ")


@dataclass(frozen=True, slots=True)
class Context:
    """What a clause is measured against: the tenant's column and the setting that carries the tenant."""

    column: str
    setting: str


_SAID = {
    "policy_always_true": "holds for every row",
    "policy_open_unset": "holds without a tenant",
    "policy_open_null": "holds for rows without a tenant",
    "policy_unset_unhandled": "does not take a setting that is unset or empty for no tenant",
    "policy_wrong_column": "does not compare the tenant column",
    "policy_per_row": "reads the setting for every row",
    "policy_bypass_setting": "is switched off by a setting that every role may set",
    "policy_wrong_setting": "reads another setting than the one that the unit of work binds",
    "policy_altered": "is not what was declared",
}


def diagnose_policy(item: Policy, found: Policy, context: Context | None) -> Iterator[Draft]:
    """Yield what distinguishes a policy from the declared one; `context` is None on a table without a tenant column."""
    remedy = (*found.drop(), *item.create())
    named = [*_of_roles(item, found), *_of_command(item, found)]
    for clause, wanted, there in (("USING", item.using, found.using), ("WITH CHECK", item.check, found.check)):
        if there is not None and wanted is not None and there != wanted and context is not None:
            rules = diagnose_clause(there, wanted, context) or {"policy_altered"}
            named += [(rule, f"Its {clause} {_SAID[rule]}: {there}.") for rule in sorted(rules)]
    merged: dict[str, list[str]] = {}
    for rule, message in named:
        merged.setdefault(rule, []).append(message)
    for rule, messages in merged.items():
        yield draft(rule, item, " ".join(messages), *remedy)
    if not merged:
        pairs = [(name, getattr(item, name), getattr(found, name)) for name in ("permissive", "using", "check")]
        said = [f"{name} is {there!r} instead of {wanted!r}" for name, wanted, there in pairs if wanted != there]
        yield draft("policy_altered", item, f"The {item} was altered: {', '.join(said)}.", *remedy)


def _of_roles(item: Policy, found: Policy) -> Iterator[tuple[str, str]]:
    if PUBLIC in found.roles and PUBLIC not in item.roles:
        yield "policy_to_public", f"The policy is for PUBLIC, which is every role, and declared for {_list(item)}."
    elif found.roles != item.roles:
        yield "policy_wrong_role", f"The policy is for {_list(found)}, and declared for {_list(item)}."


def _of_command(item: Policy, found: Policy) -> Iterator[tuple[str, str]]:
    if found.command != item.command:
        yield "policy_command_missing", f"The policy holds for {found.command} alone, and is declared for all commands."
    elif item.check is not None and found.check is None:
        yield "policy_unchecked", "The policy has no WITH CHECK: what may be written follows from what may be read."


def _list(policy: Policy) -> str:
    return ", ".join(policy.roles)


def diagnose_clause(text: str, wanted: str, context: Context) -> set[str]:
    """Return the names of the rules that a clause breaks, compared with the declared one; none if it fits none."""
    rules: set[str] = set()
    parts = [_bare(part) for part in alternatives(text)]
    is_guarded = context.setting in _settings(text)
    has_nameless = False
    for part in parts:
        others = _settings(part) - {context.setting}
        if part == _bare(wanted):
            continue
        if others:
            rules.add("policy_bypass_setting" if is_guarded else "policy_wrong_setting")
        else:
            named = _judge(part, context)
            has_nameless = has_nameless or not named
            rules |= named
    # What has no name may let anything through; a name that only warns must not stand for it.
    return rules | {"policy_altered"} if has_nameless and rules == {"policy_per_row"} else rules


def _judge(part: str, context: Context) -> set[str]:
    column = rf"\(*\"?{re.escape(context.column)}\"?\)*(?:::[\w ]+)?\)*"
    if _is_tautology(part) or re.fullmatch(rf"{column} IS NOT NULL", part):
        return {"policy_always_true"}
    if re.fullmatch(rf"{column} IS NULL", part) or re.search(rf"COALESCE\({column}, |IS DISTINCT FROM", part):
        return {"policy_open_null"}
    if context.setting not in _settings(part):
        return set()
    # The '' of NULLIF is none that the setting is compared with.
    if "COALESCE(" in part or _IS_UNSET.search(part.replace(", ''::text)", "")):
        return {"policy_open_unset"}
    compared = _COMPARED.match(part)
    return set() if compared is None else _judge_comparison(compared, context)


def _judge_comparison(compared: re.Match[str], context: Context) -> set[str]:
    rules = set()
    if compared["column"] != context.column:
        rules.add("policy_wrong_column")
    if "( SELECT " not in compared["value"]:
        rules.add("policy_per_row")
    if "NULLIF(" not in compared["value"] or ", true)" not in compared["value"]:
        rules.add("policy_unset_unhandled")
    return rules | {"policy_altered"} if rules and _PLAIN.sub("", compared["value"]) else rules


def _settings(text: str) -> set[str]:
    return {name.lower() for name in _SETTING.findall(text)}


def _is_tautology(part: str) -> bool:
    left, equals, right = part.partition(" = ")
    return part in {"true", "NOT false"} or (bool(equals) and _bare(left) == _bare(right))


def alternatives(text: str) -> list[str]:
    """Return the parts of an expression that OR joins, however deep, each without the brackets round it."""
    bare = _bare(text)
    parts = _split(bare, " OR ")
    return [bare] if len(parts) == 1 else [inner for part in parts for inner in alternatives(part)]


def _bare(text: str) -> str:
    """Take away brackets that enclose the whole."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Return where the bracket closes that the text begins with."""
    return next((place for place, depth in _depths(text) if depth == 0 and text[place] == ")"), -1)


def _split(text: str, separator: str) -> list[str]:
    cuts = [place for place, depth in _depths(text) if depth == 0 and text.startswith(separator, place)]
    edges = [-len(separator), *cuts, len(text)]
    return [text[start + len(separator) : end] for start, end in itertools.pairwise(edges)]


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Yield each place outside of quotes, and how many brackets are open after it."""
    depth = 0
    quote = ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
            continue
        if character in "'\"":
            quote = character
        depth += {"(": 1, ")": -1}.get(character, 0)
        yield place, depth
