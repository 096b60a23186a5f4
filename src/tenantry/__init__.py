"""Tenantry: SQLAlchemy models become a PostgreSQL that many tenants can share.

The names below are the public face. They are imported when they are first asked for, so that `tenantry --help` does not
wait for SQLAlchemy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenantry.address import Address as Address
    from tenantry.deployment import Deployment as Deployment
    from tenantry.postgres.roles import Roles as Roles
    from tenantry.secrets.key_ring import KeyRing as KeyRing
    from tenantry.service import Service as Service
    from tenantry.settings import DatabaseSettings as DatabaseSettings
    from tenantry.tenancy.database import Database as Database
    from tenantry.tenancy.declarations import Global as Global
    from tenantry.tenancy.declarations import Shared as Shared
    from tenantry.tenancy.declarations import Tenancy as Tenancy
    from tenantry.tenancy.declarations import TenantBase as TenantBase
    from tenantry.tenancy.declarations import TenantRoot as TenantRoot
    from tenantry.tenancy.declarations import TenantScoped as TenantScoped
    from tenantry.tenancy.encrypted import EncryptedText as EncryptedText
    from tenantry.tenancy.encrypted import Sealed as Sealed
    from tenantry.tenancy.lookup import TenantLookup as TenantLookup
    from tenantry.tenancy.session import AdminSession as AdminSession
    from tenantry.tenancy.session import ReadSession as ReadSession
    from tenantry.tenancy.session import TenantSession as TenantSession
    from tenantry.tenancy.timestamps import CreatedAt as CreatedAt
    from tenantry.tenancy.timestamps import Timestamps as Timestamps

_HOMES = {
    "Address": "tenantry.address",
    "AdminSession": "tenantry.tenancy.session",
    "CreatedAt": "tenantry.tenancy.timestamps",
    "Database": "tenantry.tenancy.database",
    "DatabaseSettings": "tenantry.settings",
    "Deployment": "tenantry.deployment",
    "EncryptedText": "tenantry.tenancy.encrypted",
    "Global": "tenantry.tenancy.declarations",
    "KeyRing": "tenantry.secrets.key_ring",
    "ReadSession": "tenantry.tenancy.session",
    "Roles": "tenantry.postgres.roles",
    "Sealed": "tenantry.tenancy.encrypted",
    "Service": "tenantry.service",
    "Shared": "tenantry.tenancy.declarations",
    "Tenancy": "tenantry.tenancy.declarations",
    "TenantBase": "tenantry.tenancy.declarations",
    "TenantLookup": "tenantry.tenancy.lookup",
    "TenantRoot": "tenantry.tenancy.declarations",
    "TenantScoped": "tenantry.tenancy.declarations",
    "TenantSession": "tenantry.tenancy.session",
    "Timestamps": "tenantry.tenancy.timestamps",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  (computed, so that the two lists cannot differ)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
