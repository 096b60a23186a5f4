"""A service's API documentation: the OpenAPI document, and Swagger UI at `/docs`, both under a setting.

Invariant: the page loads nothing from another server, so it works offline, and its content policy allows no script but
the files that this module serves. The files of Swagger UI come from the package `fastapi-offline`.
"""

from __future__ import annotations

import html
import json
from functools import cache
from importlib import resources

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from tenantry.fastapi.problems import Problem

__all__ = ["documentation_router"]

# Swagger UI sets styles in elements, and has icons in `data:` addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MEDIA_TYPES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="{root}/docs/swagger-ui.css"></head>
<body><main id="ui"></main><script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js"></script></body></html>"""
# The address is relative to /docs, whatever path the service is mounted at.
START = f"SwaggerUIBundle({json.dumps({'url': 'openapi.json', 'dom_id': '#ui', 'deepLinking': True})});"


def documentation_router() -> APIRouter:
    """Return the routes of the documentation; they answer 404 if the setting `api_docs` is false."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(_check_is_on)])
    router.add_api_route("/", _to_page, methods=["GET"])
    router.add_api_route("/openapi.json", _document, methods=["GET"])
    router.add_api_route("/docs", _page, methods=["GET"])
    router.add_api_route("/docs/{file}", _file, methods=["GET"])
    return router


def _check_is_on(request: Request) -> None:
    if not getattr(request.app.state.settings, "api_docs", True):
        raise Problem(404, "not_found", "The documentation is switched off.")


def _to_page(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{_root(request)}/docs")


def _document(request: Request) -> JSONResponse:
    document = request.app.openapi()
    root = _root(request)
    if root and not document.get("servers"):
        document = {**document, "servers": [{"url": root}]}
    return JSONResponse(document)


def _page(request: Request) -> HTMLResponse:
    page = PAGE.format(title=html.escape(request.app.title), root=html.escape(_root(request)))
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def _file(file: str) -> Response:
    if file == "start.js":
        return Response(START, media_type="text/javascript")
    if file not in MEDIA_TYPES:
        raise Problem(404, "not_found")
    return Response(_content(file), media_type=MEDIA_TYPES[file], headers={"Cache-Control": "max-age=86400"})


@cache
def _content(file: str) -> bytes:
    return (resources.files("fastapi_offline") / "static" / file).read_bytes()


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
