"""Settings of a service whose three logins use one database."""

from __future__ import annotations

from typing import Any

import bookshop

from tenantry import Address, DatabaseSettings, Service

__all__ = ["settings_at"]


def settings_at(service: Service, superuser: Address, **changes: Any) -> DatabaseSettings:
    """Return settings that point at one database for all three purposes."""
    given: dict[str, Any] = {
        "database_url": superuser.replace(user=service.roles.application).url,
        "admin_database_url": superuser.replace(user=service.roles.admin).url,
        "migration_database_url": superuser.url,
        "encryption_keys": bookshop.KEYS.text,
    }
    return service.settings(**{**given, **changes})
