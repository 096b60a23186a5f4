"""The tables of the Accounts service. `tenants` and `users` have exactly the columns of the service's story.

The service adds two tables. `sign_in_attempts` slows down guessing of passwords, and `password_changes` makes tokens
invalid. Both are separate because the columns of `users` are fixed. `sign_in_attempts` is `Global`, because attempts at
an unknown e-mail address must be counted too, and such an address has no tenant.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import CreatedAt, Global, Tenancy, TenantBase, TenantLookup, TenantRoot, TenantScoped

__all__ = ["ADMIN", "Base", "PasswordChange", "SignInAttempt", "Tenant", "User"]

# The role that manages the users of its tenant. A tenant always keeps at least one user with this role.
ADMIN = "admin"

_NEW_ID = text("gen_random_uuid()")


class Base(TenantBase, DeclarativeBase):
    """The tenant column is `tenant_id uuid`; it holds the `id` of a row of `tenants`."""

    tenancy = Tenancy(column="tenant_id", type=Uuid(), setting="app.current_tenant_id")


class Tenant(TenantRoot, CreatedAt, Base):
    """A tenant."""

    __tablename__ = "tenants"
    __tenant_key__: ClassVar[str] = "id"
    # Signing up generates the id first and then works as this tenant. The policy allows it to write this row only.
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT")

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class User(TenantScoped, CreatedAt, Base):
    """A user, who signs in with an e-mail address that is unique across all tenants."""

    __tablename__ = "users"
    __lookups__: ClassVar[tuple[TenantLookup, ...]] = (TenantLookup("email"),)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "username"),
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email)", name="email_normalised"),
        CheckConstraint("json_typeof(roles) = 'array'", name="roles_are_a_list"),
        Index(None, "tenant_id", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    tenant_id: Mapped[uuid.UUID]
    username: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    # Loaded only by a query that names it.
    hashed_password: Mapped[str] = mapped_column(String(255), deferred=True, deferred_raiseload=True)
    roles: Mapped[list[str]] = mapped_column(JSON, server_default=text("'[]'::json"))


class PasswordChange(TenantScoped, Base):
    """Time of the last change of a user's password; older tokens are invalid. No row means no change."""

    __tablename__ = "password_changes"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "user_id"),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"], ondelete="CASCADE"),
    )

    tenant_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SignInAttempt(Global, Base):
    """The count of recent failed attempts at one password; see `throttling`."""

    __tablename__ = "sign_in_attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
