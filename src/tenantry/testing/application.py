"""Finds the service's own application and gives it the settings of a test."""

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
    """Yield the application that `service_app` made for the service; meanwhile it runs on the deployment.

    It is the service's own, also where a host serves it: its paths are those of its routes, without the service's.

    Raises:
        ConfigurationError: the service's application is of another make.
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
    # A host has the applications of its services in `apps`; this floor may not import it to ask.
    for app in getattr(found, "apps", (found,)):
        if getattr(getattr(app, "state", None), "service", None) is service:
            return app
    raise errors.ConfigurationError(
        f"The application at {service.app} was not made by `service_app`, so that a test cannot hand it its settings.",
        remedy="Override the fixture `tenantry_app`, and make the application from `tenantry_clone.settings` there.",
    )
