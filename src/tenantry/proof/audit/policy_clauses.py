"""Differences between the clauses of a policy and the declared ones, each named by the rule that it breaks.

The catalog prints expressions with all their brackets (`pg_get_expr`), so text is enough to find their parts. The parts
that OR joins come first: rows that one of them allows pass, whatever the tenant's comparison says. A part that has no
rule of its own is `policy_altered`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenantry.postgres.objects import Policy
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.tenancy.declarations import tenancy_of

__all__ = ["Context", "alternatives", "context_of", "diagnose_clause", "diagnose_clauses"]

_SETTING = re.compile(r"current_setting\('((?:[^']|'')*)'::text")
_NAME = r"\(*\"?(?P<column>[\w$]+)\"?\)*(?:::[\w ]+)?"
_COMPARED = re.compile(rf"^{_NAME} = (?P<value>.+)$", re.DOTALL)
# The text around the setting in every spelling of the declared comparison; other text changes its meaning.
_PLAIN = re.compile(
    r"current_setting\('(?:[^']|'')*'::text(?:, true)?\)|NULLIF\(|, ''::text\)|\( SELECT | AS \"?\w+\"?"
    r"|::(?:character varying|\w+)(?:\(\d+\))?|[()\s]"
)
_IS_UNSET = re.compile(r"\)\s*(?:IS NULL|= ''::text)|''::text = ")


@dataclass(frozen=True, slots=True)
class Context:
    """The tenant column that a clause should compare, and the setting that holds the tenant."""

    column: str
    setting: str


def context_of(item: Policy, snapshot: Snapshot) -> Context | None:
    """Return the context of a declared policy, None for a table without a tenant column."""
    _, declaration = snapshot.tables.get((item.schema, item.table), (None, None))
    column = declaration.tenant_column if declaration is not None else None
    return None if column is None else Context(column, tenancy_of(snapshot.service.metadata).setting.lower())


def diagnose_clauses(item: Policy, found: Policy, context: Context | None) -> dict[str, list[tuple[str, str]]]:
    """Return the rules that the clauses of a policy break, each with the clauses' names and texts."""
    broken: dict[str, list[tuple[str, str]]] = {}
    for clause, wanted, there in (("USING", item.using, found.using), ("WITH CHECK", item.check, found.check)):
        if there is not None and wanted is not None and there != wanted and context is not None:
            for name in diagnose_clause(there, wanted, context) or {"policy_altered"}:
                broken.setdefault(name, []).append((clause, there))
    return broken


def diagnose_clause(text: str, wanted: str, context: Context) -> set[str]:
    """Return the names of the rules that a clause breaks; an empty set if its difference has no rule of its own."""
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
    # A part without a rule may allow any row, so a rule that only warns must not hide it.
    return rules | {"policy_altered"} if has_nameless and rules == {"policy_per_row"} else rules


def _judge(part: str, context: Context) -> set[str]:
    column = rf"\(*\"?{re.escape(context.column)}\"?\)*(?:::[\w ]+)?\)*"
    if _is_tautology(part) or re.fullmatch(rf"{column} IS NOT NULL", part):
        return {"policy_always_true"}
    if re.fullmatch(rf"{column} IS NULL", part) or re.search(rf"COALESCE\({column}, |IS DISTINCT FROM", part):
        return {"policy_open_null"}
    if context.setting not in _settings(part):
        return set()
    # NULLIF's '' does not count: the setting is not compared with it.
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
    """Return the parts of an expression that OR joins at any depth, each without the brackets around it."""
    bare = _bare(text)
    parts = _split(bare, " OR ")
    return [bare] if len(parts) == 1 else [inner for part in parts for inner in alternatives(part)]


def _bare(text: str) -> str:
    """Remove the brackets that enclose the whole text."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Return the place of the bracket that closes the one at the beginning."""
    return next((place for place, depth in _depths(text) if depth == 0 and text[place] == ")"), -1)


def _split(text: str, separator: str) -> list[str]:
    cuts = [place for place, depth in _depths(text) if depth == 0 and text.startswith(separator, place)]
    edges = [-len(separator), *cuts, len(text)]
    return [text[start + len(separator) : end] for start, end in itertools.pairwise(edges)]


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Yield each place outside of quotes, and the number of brackets that are open after it."""
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
