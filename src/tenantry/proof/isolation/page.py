"""The report as one self-contained HTML page: no script, no font, no request to another server.

The invariant: every text from the database is escaped, because an attack's detail may repeat the value of a row. Each
outcome has a symbol and a word beside its colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template

from tenantry.proof.isolation.matrix import Cell, Row, group_rows, other_results
from tenantry.proof.isolation.report import Proof, RoleFacts, Skip, gather, seen
from tenantry.proof.isolation.verdict import Outcome

__all__ = ["render_page"]

# The class of an outcome in the style sheet, its symbol and its word.
_SIGNS = {
    Outcome.BLOCKED: ("good", "✓", "blocked"),
    Outcome.BREACH: ("bad", "✗", "breach"),
    Outcome.LIMIT: ("limit", "△", "limit"),
    Outcome.SKIPPED: ("none", "○", "skipped"),
}

_SEEN = ("attack", "object", "what was seen")

LIMITS = "These attacks work by PostgreSQL's design. docs/explanation/proof.md says how to prevent them."

_ORIGINS = {
    "template": "a copy of the whole database",
    "schema": "a copy of the database's schema",
    "migrations": "an empty database and the service's migrations",
}


def render_page(proofs: Sequence[Proof], *, moment: datetime, command: str) -> str:
    """Return the page. `moment` is the time of the proof, `command` repeats it."""
    title = "Isolation of " + (proofs[0].service if len(proofs) == 1 else f"{len(proofs)} services")
    links = "".join(f'<a href="#{escape(one.service)}">{escape(one.service)}</a>' for one in proofs)
    template = Template(files("tenantry.proof.isolation").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        moment=f'<time datetime="{moment.isoformat()}">{moment:%d %B %Y, %H:%M %Z}</time>',
        navigation=f"<nav>{links}</nav>" if len(proofs) > 1 else "",
        services="\n".join("\n".join(_service(one)) for one in proofs),
        command=escape(command),
    )


def _service(proof: Proof) -> Iterator[str]:
    yield f'<section id="{escape(proof.service)}">'
    yield f"<h2>{escape(proof.service)}</h2>"
    yield _verdict(proof)
    yield from _tiles(proof)
    if proof.breaches:
        yield "<h3>Breaches</h3>"
        yield _table(_SEEN, ((one.attack, one.object, seen(one.detail, one.stance)) for one in proof.breaches))
    yield from _matrix(proof)
    yield from _others(proof)
    if proof.limits:
        yield "<h3>Known limits</h3>"
        yield f'<p class="soft">{LIMITS}</p>'
        yield _table(_SEEN, ((attack, ", ".join(objects), what) for attack, objects, what in gather(proof.limits)))
    yield from _skipped(proof.skipped)
    yield from _place(proof)
    yield "</section>"


def _verdict(proof: Proof) -> str:
    if proof.is_breached:
        count = len(proof.breaches)
        text = f"{count:,} of {proof.attacks:,} attacks got through" if count > 1 else "One attack got through"
        return f'<p class="verdict bad"><span class="mark">✗</span> {text}: tenants are not isolated.</p>'
    if not proof.attacks:
        css, mark, _ = _SIGNS[Outcome.SKIPPED]
        return f'<p class="verdict {css}"><span class="mark">{mark}</span> Nothing was attacked.</p>'
    return f'<p class="verdict good"><span class="mark">✓</span> No breach in {proof.attacks:,} attacks.</p>'


def _tiles(proof: Proof) -> Iterator[str]:
    figures = (
        ("tables", f"{proof.tables:,}"),
        ("attacks", f"{proof.attacks:,}"),
        ("blocked", f"{proof.blocked:,}"),
        ("breaches", f"{len(proof.breaches):,}"),
        ("known limits", f"{len(proof.limits):,}"),
        ("skipped", f"{len(proof.skipped):,}"),
        ("checks", f"{proof.checks:,}"),
        ("seconds", f"{proof.seconds:.1f}"),
    )
    yield '<dl class="tiles">'
    yield from (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    yield "</dl>"


def _matrix(proof: Proof) -> Iterator[str]:
    """Yield a row for each attack and a column for each table. A cell shows the worst outcome of all bindings."""
    tables, groups = group_rows(proof.results)
    if not groups:
        return
    yield "<h3>Tables and attacks</h3>"
    yield '<div class="key">'
    yield from (f'<div><span class="{css}">{mark} {word}</span></div>' for css, mark, word in _SIGNS.values())
    yield "<div>Point at a cell to read what was seen.</div></div>"
    yield _head("matrix", ["attack", *(name.removeprefix("public.") for name in tables)]) + "<tbody>"
    for family, rows in groups:
        yield f'<tr class="family"><th scope="colgroup" colspan="{len(tables) + 1}">{escape(family)}</th></tr>'
        yield from (_matrix_row(row, tables) for row in rows)
    yield "</tbody></table></div>"


def _matrix_row(row: Row, tables: Sequence[str]) -> str:
    cells = "".join(_cell(row.cells.get(table)) for table in tables)
    sentence = f'<span class="sentence">{escape(row.sentence)}</span>' if row.sentence else ""
    return f'<tr><th scope="row" title="{escape(row.sentence)}">{_name(row.attack)}{sentence}</th>{cells}</tr>'


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    css, mark, word = _SIGNS[cell.outcome]
    return f'<td><span class="{css}" title="{escape(cell.title)}">{mark}<span class="word">{word}</span></span></td>'


def _others(proof: Proof) -> Iterator[str]:
    """Yield the attacks that are not on a table: on functions, roles, the pool, the toolkit itself."""
    results = other_results(proof.results)
    if not results:
        return
    yield "<h3>Other attacks</h3>"
    yield _head("list", ("attack", "outcome", "object", "what was seen")) + "<tbody>"
    for one in results:
        css, mark, word = _SIGNS[one.outcome]
        chip = f'<span class="chip {css}">{mark} {word}</span>'
        cells = (_name(one.attack), chip, escape(one.object), escape(seen(one.detail, one.binding)))
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</tbody></table></div>"


def _skipped(skipped: Iterable[Skip]) -> Iterator[str]:
    """Yield the attacks that could not be made, by reason."""
    reasons: dict[str, list[Skip]] = {}
    for skip in skipped:
        reasons.setdefault(skip.reason, []).append(skip)
    if not reasons:
        return
    yield "<h3>Skipped</h3>"
    for reason, skips in sorted(reasons.items()):
        yield f"<details><summary>{escape(reason)} ({len(skips):,})</summary>"
        yield _table(("attack", "object"), ((one.attack, one.object) for one in skips))
        yield "</details>"


def _place(proof: Proof) -> Iterator[str]:
    yield "<h3>Where the proof was made</h3>"
    facts = (
        ("server", f"PostgreSQL {proof.server}"),
        ("scratch database", f"{_ORIGINS.get(proof.origin, proof.origin)}; it was dropped afterwards"),
    )
    yield '<dl class="facts">'
    yield from (f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    yield f"<dt>fingerprint of the schema</dt><dd><code>{escape(proof.fingerprint)}</code></dd></dl>"
    rows = ((role.name, _attributes(role), ", ".join(role.member_of)) for role in proof.roles)
    yield _table(("role", "attributes", "member of"), rows)


def _attributes(role: RoleFacts) -> str:
    """Return the attributes as in CREATE ROLE."""
    words = (
        ("LOGIN", role.can_login),
        ("SUPERUSER", role.superuser),
        ("BYPASSRLS", role.bypass_rls),
        ("CREATEROLE", role.create_role),
        ("CREATEDB", role.create_database),
        ("REPLICATION", role.replication),
    )
    return " ".join(word if holds else f"NO{word}" for word, holds in words)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts. The first cell of each row is a name."""
    body = "".join(
        f"<tr><td>{_name(first)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return f"{_head('list', columns)}<tbody>{body}</tbody></table></div>"


def _head(css: str, columns: Sequence[str]) -> str:
    """Return the beginning of a table. Its frame can be scrolled with the keyboard."""
    heads = "".join(f'<th scope="col">{_breakable(name)}</th>' for name in columns)
    return f'<div class="frame" tabindex="0"><table class="{css}"><thead><tr>{heads}</tr></thead>'


def _name(text: str) -> str:
    return f"<code>{_breakable(text)}</code>"


def _breakable(text: str) -> str:
    """Return a name that a line may break after an underscore."""
    return escape(text).replace("_", "_<wbr>")
