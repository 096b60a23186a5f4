"""What a FastAPI service needs around its routes; the names below are public.

Five of them are modules, because their names say more with the module's name: `rows.find`, `fields.Email`,
`etag.IfMatch`, `idempotency.answer_once`, `health.Check`.

The names are imported at their first use (see `tenantry.lazy`): FastAPI takes most of a second to import, and a command
that only reads a service's settings does not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.lazy import lazy_names

__all__ = [
    "NO_STORE",
    "Answer",
    "BearerScheme",
    "Caller",
    "ClosingStreamingResponse",
    "CountedPage",
    "CountedPageQuery",
    "CountedPageRequest",
    "Creation",
    "CurrentDatabase",
    "Examples",
    "InvalidToken",
    "KeySetUnavailable",
    "Listing",
    "Page",
    "PageQuery",
    "PageRequest",
    "Patch",
    "Principal",
    "PrincipalReadSession",
    "PrincipalSession",
    "Problem",
    "RequestBody",
    "ResponseBody",
    "TokenSettings",
    "TokenVerifier",
    "WebSettings",
    "admin_session",
    "etag",
    "fields",
    "health",
    "host",
    "idempotency",
    "install_problem_handlers",
    "issue_token",
    "narrow",
    "note_tenant",
    "paginate",
    "paginate_counted",
    "principal",
    "principal_tenant",
    "problem_responses",
    "read_session",
    "require_scope",
    "rows",
    "service_app",
    "tenant_session",
    "token_verifier",
    "unscoped_read_session",
    "unscoped_session",
]

if TYPE_CHECKING:
    from tenantry.fastapi import etag as etag
    from tenantry.fastapi import fields as fields
    from tenantry.fastapi import health as health
    from tenantry.fastapi import idempotency as idempotency
    from tenantry.fastapi import rows as rows
    from tenantry.fastapi.app import service_app as service_app
    from tenantry.fastapi.auth import Caller as Caller
    from tenantry.fastapi.auth import principal as principal
    from tenantry.fastapi.auth import principal_tenant as principal_tenant
    from tenantry.fastapi.auth import require_scope as require_scope
    from tenantry.fastapi.bearer import BearerScheme as BearerScheme
    from tenantry.fastapi.bodies import Patch as Patch
    from tenantry.fastapi.bodies import RequestBody as RequestBody
    from tenantry.fastapi.bodies import ResponseBody as ResponseBody
    from tenantry.fastapi.caching import NO_STORE as NO_STORE
    from tenantry.fastapi.counted_pages import CountedPage as CountedPage
    from tenantry.fastapi.counted_pages import CountedPageQuery as CountedPageQuery
    from tenantry.fastapi.counted_pages import CountedPageRequest as CountedPageRequest
    from tenantry.fastapi.counted_pages import paginate_counted as paginate_counted
    from tenantry.fastapi.creation import Creation as Creation
    from tenantry.fastapi.examples import Examples as Examples
    from tenantry.fastapi.failures import install_problem_handlers as install_problem_handlers
    from tenantry.fastapi.hosting import host as host
    from tenantry.fastapi.key_set import KeySetUnavailable as KeySetUnavailable
    from tenantry.fastapi.listing import Listing as Listing
    from tenantry.fastapi.listing import narrow as narrow
    from tenantry.fastapi.pages import Page as Page
    from tenantry.fastapi.pages import PageQuery as PageQuery
    from tenantry.fastapi.pages import PageRequest as PageRequest
    from tenantry.fastapi.pages import paginate as paginate
    from tenantry.fastapi.problems import Answer as Answer
    from tenantry.fastapi.problems import Problem as Problem
    from tenantry.fastapi.problems import problem_responses as problem_responses
    from tenantry.fastapi.request import note_tenant as note_tenant
    from tenantry.fastapi.sessions import CurrentDatabase as CurrentDatabase
    from tenantry.fastapi.sessions import PrincipalReadSession as PrincipalReadSession
    from tenantry.fastapi.sessions import PrincipalSession as PrincipalSession
    from tenantry.fastapi.sessions import admin_session as admin_session
    from tenantry.fastapi.sessions import read_session as read_session
    from tenantry.fastapi.sessions import tenant_session as tenant_session
    from tenantry.fastapi.sessions import unscoped_read_session as unscoped_read_session
    from tenantry.fastapi.sessions import unscoped_session as unscoped_session
    from tenantry.fastapi.settings import WebSettings as WebSettings
    from tenantry.fastapi.streaming import ClosingStreamingResponse as ClosingStreamingResponse
    from tenantry.fastapi.tokens import InvalidToken as InvalidToken
    from tenantry.fastapi.tokens import Principal as Principal
    from tenantry.fastapi.tokens import TokenSettings as TokenSettings
    from tenantry.fastapi.tokens import TokenVerifier as TokenVerifier
    from tenantry.fastapi.tokens import issue_token as issue_token
    from tenantry.fastapi.tokens import token_verifier as token_verifier
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "tenantry.fastapi": ("etag", "fields", "health", "idempotency", "rows"),
            "tenantry.fastapi.app": ("service_app",),
            "tenantry.fastapi.auth": ("Caller", "principal", "principal_tenant", "require_scope"),
            "tenantry.fastapi.bearer": ("BearerScheme",),
            "tenantry.fastapi.caching": ("NO_STORE",),
            "tenantry.fastapi.counted_pages": (
                "CountedPage",
                "CountedPageQuery",
                "CountedPageRequest",
                "paginate_counted",
            ),
            "tenantry.fastapi.creation": ("Creation",),
            "tenantry.fastapi.sessions": (
                "CurrentDatabase",
                "PrincipalReadSession",
                "PrincipalSession",
                "admin_session",
                "read_session",
                "tenant_session",
                "unscoped_read_session",
                "unscoped_session",
            ),
            "tenantry.fastapi.examples": ("Examples",),
            "tenantry.fastapi.failures": ("install_problem_handlers",),
            "tenantry.fastapi.hosting": ("host",),
            "tenantry.fastapi.key_set": ("KeySetUnavailable",),
            "tenantry.fastapi.listing": ("Listing", "narrow"),
            "tenantry.fastapi.pages": ("Page", "PageQuery", "PageRequest", "paginate"),
            "tenantry.fastapi.problems": ("Answer", "Problem", "problem_responses"),
            "tenantry.fastapi.request": ("note_tenant",),
            "tenantry.fastapi.settings": ("WebSettings",),
            "tenantry.fastapi.bodies": ("Patch", "RequestBody", "ResponseBody"),
            "tenantry.fastapi.streaming": ("ClosingStreamingResponse",),
            "tenantry.fastapi.tokens": (
                "InvalidToken",
                "Principal",
                "TokenSettings",
                "TokenVerifier",
                "issue_token",
                "token_verifier",
            ),
        },
    )
