"""Attacks on the running toolkit: its pool, its sessions, the ORM, lost contexts. The import registers them."""

from tenantry.proof.isolation.runtime import (
    cancellation,
    core_statements,
    load,
    orm_read,
    orm_write,
    pool,
    scopes,
    sealed,
    session_leftovers,
    sessions,
    tenants,
    unscoped,
)

__all__ = [
    "cancellation",
    "core_statements",
    "load",
    "orm_read",
    "orm_write",
    "pool",
    "scopes",
    "sealed",
    "session_leftovers",
    "sessions",
    "tenants",
    "unscoped",
]
