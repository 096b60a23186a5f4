"""Attacks on the toolkit at work: its pool, its sessions, the ORM's paths, lost contexts; imported to be registered."""

from tenantry.proof.isolation.runtime import (
    cancellation,
    core,
    hammer,
    leftovers,
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
    "hammer",
    "leftovers",
    "orm_read",
    "orm_write",
    "pool",
    "scopes",
    "sealed",
    "sessions",
    "tenants",
    "unscoped",
]
