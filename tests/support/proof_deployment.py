"""A deployment of a service whose three logins use one database."""

from __future__ import annotations

from typing import Any

import bookshop

from tenantry import Address, Service
from tenantry.deployment import Deployment

__all__ = ["deployment_at"]


def deployment_at(service: Service, superuser: Address, **changes: Any) -> Deployment:
    """Return a deployment in which the service's roles log in, and the superuser for migrations."""
    given: dict[str, Any] = {
        "database_url": superuser.replace(user=service.roles.application).url,
        "admin_database_url": superuser.replace(user=service.roles.admin).url,
        "migration_database_url": superuser.url,
        "encryption_keys": bookshop.KEYS.text,
    }
    settings = service.settings(_env_file=None, **{**given, **changes})  # type: ignore[call-arg]  # pydantic-settings' own
    return Deployment(service, settings)
