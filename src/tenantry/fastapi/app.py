"""One service's API as a FastAPI application, which a `Host` mounts.

    create_app = partial(service_app, service, [routes.router], constraints={"uq_users_email": EMAIL_TAKEN})
    app = host(create_app())         # `uvicorn ai_agents.app:app` serves it

The lifespan sets `app.state.settings`, `database` and `readiness` for this package's dependencies, and `tokens` when
the settings inherit `TokenSettings`. The settings are read when the application starts, not when its module is
imported, so that an error in them is one sentence and not a traceback.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request

from tenantry.deployment import Deployment
from tenantry.fastapi.body_limit import DEFAULT_LIMIT, BodyLimit
from tenantry.fastapi.database_check import database_check
from tenantry.fastapi.documentation import documentation_router
from tenantry.fastapi.draining import Draining
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.fastapi.health import Check, Readiness, Report
from tenantry.fastapi.health_routes import health_router
from tenantry.fastapi.openapi import ServiceAPI
from tenantry.fastapi.problems import Answer
from tenantry.fastapi.request_context import RequestContext
from tenantry.fastapi.tokens import TokenSettings, token_verifier
from tenantry.service import Service
from tenantry.tenancy.encrypted_text import check_needs_no_keys

__all__ = ["Checks", "Resources", "load_deployment", "service_app"]

# Makes further readiness checks from the settings: {"redis": redis_check(settings.redis_url)}.
Checks = Callable[[Any], Mapping[str, Check]]
# Opens other resources than the database, for the lifetime of the application.
Resources = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def service_app(
    service: Service,
    routers: Sequence[APIRouter],
    deployment: Deployment | None = None,
    *,
    checks: Checks | None = None,
    constraints: Mapping[str, Answer] | None = None,
    resources: Resources | None = None,
    expected_revision: str | None = None,
    version: str = "1.0.0",
    description: str = "",
    body_limit: int = DEFAULT_LIMIT,
) -> FastAPI:
    """Return the application of `service`, with its routes, its health paths and its problems.

    Tests pass a `deployment`; otherwise the environment says where the service runs. `/readyz` fails unless the schema
    is at `expected_revision`, by default the newest of the service's migrations.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        chosen = load_deployment(app)
        settings = app.state.settings = chosen.settings
        if settings.key_ring() is None:
            check_needs_no_keys(service.metadata, settings.variable("encryption_keys"))
        if isinstance(settings, TokenSettings):
            app.state.tokens = token_verifier(settings)
        others = checks(settings) if checks else {}
        revision = expected_revision or await asyncio.to_thread(_newest_revision, service)
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(chosen.database())
            app.state.database = database
            every = {"database": database_check(database, revision), **others}
            app.state.readiness = Readiness(service.name, every, app.state.draining)
            if resources is not None:
                await stack.enter_async_context(resources(app))
            yield

    app = ServiceAPI(
        title=service.title,
        version=version,
        description=description,
        lifespan=lifespan,
        # `documentation_router` serves these, under a setting and without a CDN.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Starlette's redirect would take its host from the Host header, and write the path into the access log.
        redirect_slashes=False,
        middleware=[Middleware(RequestContext), Middleware(BodyLimit, limit=body_limit)],
    )
    app.state.service = service
    app.state.deployment = deployment
    app.state.draining = Draining()
    install_problem_handlers(app, constraints)
    # The health routes come first: a route such as `/{item_id}` would otherwise match their paths.
    app.include_router(health_router(_measure))
    for router in routers:
        app.include_router(router)
    app.include_router(documentation_router())
    return app


def load_deployment(app: FastAPI) -> Deployment:
    """Return the deployment of an application; the first call reads it from the environment.

    Raises:
        ConfigurationError: a variable is missing or wrong; the message names it.
    """
    if app.state.deployment is None:
        app.state.deployment = Deployment.load(app.state.service)
    found: Deployment = app.state.deployment
    return found


async def _measure(request: Request) -> Report:
    readiness: Readiness = request.app.state.readiness
    return await readiness.report()


def _newest_revision(service: Service) -> str | None:
    # Alembic is slow to import, and only this function needs it.
    from tenantry.migrations.configuration import head_revision  # noqa: PLC0415

    return head_revision(service)
