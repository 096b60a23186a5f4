"""Attacks on the running toolkit: its pool, its sessions, the ORM, lost contexts. The import registers them."""

from tenantry.proof.isolation.runtime import (
    cancellation,
    core,
    leftovers,
    load,
    orm_read,
    orm_write,
    pool,
    scopes,
    sealed,
    sessions,
    tenants,
    unscoped,
)

__all__ = [
    "cancellation",
    "core",
    "leftovers",
    "load",
    "orm_read",
    "orm_write",
    "pool",
    "scopes",
    "sealed",
    "sessions",
    "tenants",
    "unscoped",
]
