"""The page at `/`: the services of a host, their status, and links to their documentation.

The page loads no script, font or image from another server, so it works offline and under a strict content policy.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import HTMLResponse

from tenantry.fastapi.health import Status

__all__ = ["Entry", "landing_page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:3rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #8884}
.pass{color:#188038}.warn{color:#b06000}.fail{color:#d93025}
""".strip()


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of the page."""

    title: str
    path: str
    status: Status


def landing_page(title: str, entries: Sequence[Entry]) -> HTMLResponse:
    """Return the page."""
    words = {Status.PASS: "ready", Status.WARN: "ready, with a warning", Status.FAIL: "not ready"}
    rows = "".join(
        f"<tr><td>{html.escape(entry.title)}</td><td><code>{html.escape(entry.path)}</code></td>"
        f'<td class="{entry.status}">{words[entry.status]}</td>'
        f'<td><a href="{html.escape(entry.path)}/docs">documentation</a></td>'
        f'<td><a href="{html.escape(entry.path)}/openapi.json">OpenAPI</a></td></tr>'
        for entry in entries
    )
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{html.escape(title)}</h1><table><thead><tr><th>Service</th><th>Path</th><th>State</th><th></th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
        '<p>Health: <a href="/livez">/livez</a>, <a href="/readyz">/readyz</a>, <a href="/health">/health</a></p>'
        "</body></html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
