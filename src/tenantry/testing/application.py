"""Finds the service's own application, and gives it the settings of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.service import Service, import_attribute
from tenantry.testing.lifespan import ASGIApp

__all__ = ["configured_app"]


@contextmanager
def configured_app(deployment: Deployment) -> Iterator[ASGIApp]:
    """Yield the application that `service_app` made for the service, with the deployment in place of its own.

    If a host serves several services, this is the application of this service alone: paths have no prefix.

    Raises:
        ConfigurationError: `service_app` did not make the service's application.
    """
    app = _find(deployment.service)
    before = app.state.deployment
    app.state.deployment = deployment
    try:
        yield app
    finally:
        app.state.deployment = before


def _find(service: Service) -> Any:
    found = import_attribute(service.app)
    # A host lists the applications of its services in `apps`. This module must not import `tenantry.fastapi`.
    for app in getattr(found, "apps", (found,)):
        if getattr(getattr(app, "state", None), "service", None) is service:
            return app
    raise errors.ConfigurationError(
        f"A test cannot give its settings to the application at {service.app}.",
        why="`service_app` did not make that application.",
        remedy="Override the fixture `tenantry_app`, and make the application from `tenantry_clone.settings` there.",
    )
