"""Tenantry: SQLAlchemy models become a PostgreSQL that many tenants can share.

The names below are public, and so are those of `tenantry.fastapi`, `tenantry.alembic` and `tenantry.testing`. All other
modules are private. The names are imported at their first use (see `lazy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.lazy import lazy_names

__all__ = [
    "Address",
    "AdminSession",
    "Comment",
    "CreatedAt",
    "Database",
    "DatabaseSettings",
    "Deployment",
    "EncryptedText",
    "Function",
    "Global",
    "Grant",
    "IdempotencyRecord",
    "KeyRing",
    "Policy",
    "ReadSession",
    "Role",
    "Roles",
    "RowSecurity",
    "SQLType",
    "Sealed",
    "Service",
    "Shared",
    "Tenancy",
    "TenantBase",
    "TenantLookup",
    "TenantMatch",
    "TenantRoot",
    "TenantScoped",
    "TenantSession",
    "Timestamps",
    "Trigger",
    "View",
    "errors",
    "fetch_nearest",
]

if TYPE_CHECKING:
    from tenantry import errors as errors
    from tenantry.address import Address as Address
    from tenantry.deployment import Deployment as Deployment
    from tenantry.postgres.objects import Comment as Comment
    from tenantry.postgres.objects import Function as Function
    from tenantry.postgres.objects import Grant as Grant
    from tenantry.postgres.objects import Policy as Policy
    from tenantry.postgres.objects import Role as Role
    from tenantry.postgres.objects import RowSecurity as RowSecurity
    from tenantry.postgres.objects import Trigger as Trigger
    from tenantry.postgres.objects import View as View
    from tenantry.postgres.roles import Roles as Roles
    from tenantry.postgres.tables.sql_type import SQLType as SQLType
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
    from tenantry.tenancy.encrypted_text import EncryptedText as EncryptedText
    from tenantry.tenancy.encrypted_text import Sealed as Sealed
    from tenantry.tenancy.idempotency import IdempotencyRecord as IdempotencyRecord
    from tenantry.tenancy.lookups import TenantLookup as TenantLookup
    from tenantry.tenancy.lookups import TenantMatch as TenantMatch
    from tenantry.tenancy.nearest import fetch_nearest as fetch_nearest
    from tenantry.tenancy.timestamps import CreatedAt as CreatedAt
    from tenantry.tenancy.timestamps import Timestamps as Timestamps
    from tenantry.tenancy.unit_of_work import AdminSession as AdminSession
    from tenantry.tenancy.unit_of_work import ReadSession as ReadSession
    from tenantry.tenancy.unit_of_work import TenantSession as TenantSession
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "tenantry": ("errors",),
            "tenantry.address": ("Address",),
            "tenantry.deployment": ("Deployment",),
            "tenantry.postgres.objects": (
                "Comment",
                "Function",
                "Grant",
                "Policy",
                "Role",
                "RowSecurity",
                "Trigger",
                "View",
            ),
            "tenantry.postgres.roles": ("Roles",),
            "tenantry.postgres.tables.sql_type": ("SQLType",),
            "tenantry.secrets.key_ring": ("KeyRing",),
            "tenantry.service": ("Service",),
            "tenantry.settings": ("DatabaseSettings",),
            "tenantry.tenancy.database": ("Database",),
            "tenantry.tenancy.declarations": (
                "Global",
                "Shared",
                "Tenancy",
                "TenantBase",
                "TenantRoot",
                "TenantScoped",
            ),
            "tenantry.tenancy.encrypted_text": ("EncryptedText", "Sealed"),
            "tenantry.tenancy.idempotency": ("IdempotencyRecord",),
            "tenantry.tenancy.lookups": ("TenantLookup", "TenantMatch"),
            "tenantry.tenancy.nearest": ("fetch_nearest",),
            "tenantry.tenancy.unit_of_work": ("AdminSession", "ReadSession", "TenantSession"),
            "tenantry.tenancy.timestamps": ("CreatedAt", "Timestamps"),
        },
    )
