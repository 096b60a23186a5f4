"""The tables of the Accounts service. `tenants` and `users` are the story's, column by column; two are beside them.

`sign_in_attempts` slows down who guesses passwords, `password_changes` takes tokens back. Neither could be a column of
`users` without adding to the story's; the first could not even be a table of tenants, because who tries an address that
nobody has must be slowed down just the same, and such an address has no tenant.
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

from tenantry import CreatedAt, Tenancy, TenantBase, TenantLookup, TenantRoot, TenantScoped
from tenantry.fastapi.attempt_record import AttemptRecord

__all__ = ["ADMIN", "Base", "PasswordChange", "SignInAttempt", "Tenant", "User"]

# The role whose holders manage the users of their tenant, of whom one always remains.
ADMIN = "admin"

_NEW_ID = text("gen_random_uuid()")


class Base(TenantBase, DeclarativeBase):
    """Tenants are told apart by `tenant_id uuid`, which is the `id` of their row in `tenants`."""

    tenancy = Tenancy(column="tenant_id", type=Uuid(), setting="app.current_tenant_id")


class Tenant(TenantRoot, CreatedAt, Base):
    """Who has users."""

    __tablename__ = "tenants"
    __tenant_key__: ClassVar[str] = "id"
    # Signing up makes the id first and works as this tenant from then on; the policy lets it write no other row.
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT")

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=_NEW_ID)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class User(TenantScoped, CreatedAt, Base):
    """Who signs in, by an e-mail that no other user of any tenant has."""

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
    # Loaded by nobody who does not ask for it by name.
    hashed_password: Mapped[str] = mapped_column(String(255), deferred=True, deferred_raiseload=True)
    roles: Mapped[list[str]] = mapped_column(JSON, server_default=text("'[]'::json"))


class PasswordChange(TenantScoped, Base):
    """When a user's password was changed last; tokens from before it are void. No row, no change."""

    __tablename__ = "password_changes"
    __privileges__: ClassVar[tuple[str, ...]] = ("INSERT", "SELECT", "UPDATE")
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "user_id"),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"], ondelete="CASCADE"),
    )

    tenant_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SignInAttempt(AttemptRecord, Base):
    """Attempts at the passwords of addresses, whether or not somebody has them."""

    __tablename__ = "sign_in_attempts"
