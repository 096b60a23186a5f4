"""The page is read by people, without a network, and shows nothing that a row could make it run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from tenantry.proof.isolation.attack import SERVICE_ATTACKS, TABLE_ATTACKS, Attack
from tenantry.proof.isolation.page import render_page
from tenantry.proof.isolation.report import Facts, Proof, RoleFacts, make_proof
from tenantry.proof.isolation.verdict import AttackResult, Outcome

HOSTILE = "<script>alert('x')</script>\" onload=\"x"
MOMENT = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
VOID = {"meta", "wbr", "br"}
ROLE = RoleFacts(
    "app_user",
    can_login=True,
    superuser=False,
    bypass_rls=False,
    create_role=False,
    create_database=False,
    replication=False,
    member_of=("readers",),
)


class Parsed(HTMLParser):
    """What stands in a page: its elements with their attributes, and whether they are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attacks on tables, and one on the service."""
    for name in ("read_rows", "write_rows"):
        attack = Attack(name, "reading", "read another tenant's rows", lambda _attempt: None)
        monkeypatch.setitem(TABLE_ATTACKS, name, attack)
    monkeypatch.setitem(SERVICE_ATTACKS, "take_role", Attack("take_role", "roles", "take a role", lambda _: None))


def prove(*results: AttackResult, detail: str = "no row") -> Proof:
    every = [
        AttackResult("read_rows", "public.tickets", Outcome.BLOCKED, detail, "own"),
        AttackResult("read_rows", "public.notes", Outcome.BLOCKED, detail, "own"),
        AttackResult("take_role", "role admin", Outcome.BLOCKED, detail),
        *results,
    ]
    facts = Facts("18.4", "schema", (ROLE,), "ab" * 32)
    return make_proof("items", ["public.tickets", "public.notes"], every, facts, seconds=2)


def page(*proofs: Proof, command: str = "tenantry prove isolation") -> str:
    return render_page(proofs, moment=MOMENT, command=command)


def test_the_page_is_whole_and_asks_nobody() -> None:
    """No script, no image, no style sheet, no font from anywhere."""
    text = page(prove())
    parsed = Parsed(text.removeprefix("<!doctype html>"))
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|https?:", text)
    given = {name for _, attributes in parsed.elements for name in attributes}
    assert not {name for name in given if name.startswith("on") or name in {"src", "srcset", "action", "style"}}
    assert all((one.get("href") or "#").startswith("#") for _, one in parsed.elements)


def test_whatever_a_row_holds_is_shown_and_not_obeyed() -> None:
    bad = AttackResult(HOSTILE, HOSTILE, Outcome.BREACH, HOSTILE, HOSTILE)
    hidden = AttackResult("read_rows", HOSTILE, Outcome.SKIPPED, HOSTILE, "own")
    shown = AttackResult(HOSTILE, HOSTILE, Outcome.LIMIT, HOSTILE)
    text = page(prove(bad, hidden, shown, detail=HOSTILE), command=HOSTILE)
    assert "<script" not in text
    parsed = Parsed(text.removeprefix("<!doctype html>"))
    assert not {name for _, attributes in parsed.elements for name in attributes if name.startswith("on")}
    assert HOSTILE in "".join(parsed.words)


def test_an_outcome_is_told_by_more_than_its_colour() -> None:
    """Each cell has a symbol and a word, and says on pointing what was seen in which binding."""
    results = [
        AttackResult("write_rows", "public.tickets", Outcome.BREACH, "2 rows", "none"),
        AttackResult("write_rows", "public.tickets", Outcome.BLOCKED, "no row", "own"),
        AttackResult("write_rows", "public.notes", Outcome.LIMIT, "by design", "own"),
    ]
    text = page(prove(*results))
    assert '<span class="bad" title="none: breach: 2 rows\nown: blocked: no row">✗<span class="word">breach' in text
    assert '<span class="limit" title="own: limit: by design">△<span class="word">limit' in text
    assert '✓<span class="word">blocked' in text


def test_the_worst_is_said_first() -> None:
    text = page(prove(AttackResult("take_role", "role owner", Outcome.BREACH, "became the owner")))
    assert text.index("One attack got through") < text.index("became the owner") < text.index("Tables and attacks")
    assert "No breach in" in page(prove())


def test_the_page_says_where_and_how_it_was_proven() -> None:
    text = page(prove(), command="tenantry prove isolation --service items")
    for part in (
        "PostgreSQL 18.4",
        "ab" * 32,
        "app_<wbr>user",
        "LOGIN NOSUPERUSER NOBYPASSRLS",
        "readers",
        "22 November 2026, 11:30 UTC",
        "tenantry prove isolation --service items",
    ):
        assert part in text


def test_several_services_are_one_page() -> None:
    text = page(prove(), prove())
    assert text.count("<section") == 2
    assert text.count("<!doctype") == 1


def test_a_reason_to_skip_is_told_once() -> None:
    skips = [
        AttackResult("write_rows", f"public.{name}", Outcome.SKIPPED, "no UPDATE") for name in ("tickets", "notes")
    ]
    assert page(prove(*skips)).count("<summary>no UPDATE (2)</summary>") == 1
