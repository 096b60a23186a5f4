"""Small schemas with signed tenants: depositors with boxes, one schema for each type of tenant.

Roles belong to the cluster, so all three schemas have the same.
"""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path
from typing import Any

from declared_schema import create_declared
from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, MetaData, String, Text, UniqueConstraint, Uuid, func
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from tenantry import (
    Address,
    Database,
    DatabaseSettings,
    Roles,
    Service,
    Tenancy,
    TenantBase,
    TenantLookup,
    TenantScoped,
)
from tenantry.postgres.connect import connect
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import SigningRing, StaticSource
from tenantry.sql import identifier
from tenantry.tenancy.objects import declared_objects
from tenantry.tenancy.signed_context.keys import push_keys

__all__ = [
    "KEYS",
    "ROLES",
    "SIGNED_SCHEMAS",
    "UNSIGNED",
    "Settings",
    "SignedSchema",
    "open_database",
    "service_of",
    "settings_for",
]

ROLES = Roles(owner="signed_schema_owner", application="signed_schema_app", admin="signed_schema_admin")
KEYS = SigningRing.generate()


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SIGNED_SCHEMA_")


@dataclasses.dataclass(frozen=True)
class SignedSchema:
    """A schema, its models, and two tenants of it."""

    metadata: MetaData
    box: Any
    depositor: Any
    mine: Any
    theirs: Any

    async def build(self, superuser: Address, ring: SigningRing | None = KEYS) -> None:
        """Make the roles, the tables and everything declared; the database knows the keys of `ring`."""
        connection = await connect(StaticSource(superuser), deadline=10, application_name="build")
        try:
            await ensure_roles(connection, ROLES)
        finally:
            await connection.close()
        engine = create_async_engine("postgresql+asyncpg://", async_creator=_creator(superuser))
        try:
            async with engine.begin() as build:
                await build.exec_driver_sql(f"SET ROLE {identifier(ROLES.owner)}")
                await create_declared(build, self.metadata, declared_objects(self.metadata, ROLES) - set(ROLES))
                if ring is not None:
                    await build.run_sync(push_keys, ring)
        finally:
            await engine.dispose()


def make_signed_schema(kind: TypeEngine[Any], mine: Any, theirs: Any, *, signed: bool = True) -> SignedSchema:
    """Return the schema for one type of tenant."""

    class Base(TenantBase, DeclarativeBase):
        tenancy = Tenancy(type=kind, signed_context=signed)

    class Depositor(TenantScoped, Base):
        __tablename__ = "depositors"
        __table_args__ = (UniqueConstraint("tenant_id", "id"),)
        __lookups__ = (TenantLookup("email"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
        email: Mapped[str | None] = mapped_column(String(255), unique=True)

    class Box(TenantScoped, Base):
        __tablename__ = "boxes"
        __table_args__ = (
            ForeignKeyConstraint(["tenant_id", "depositor_id"], ["depositors.tenant_id", "depositors.id"]),
            Index(None, "tenant_id", "depositor_id"),
        )
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
        depositor_id: Mapped[uuid.UUID | None]
        content: Mapped[str] = mapped_column(Text)

    return SignedSchema(Base.metadata, Box, Depositor, mine, theirs)


SIGNED_SCHEMAS = {
    "text": make_signed_schema(String(100), "acme", "globex"),
    # As awkward as a tenant may be: the separator, what looks like a whole value, quotes, and other scripts.
    "awkward text": make_signed_schema(Text(), "a|9999999999|k1|" + "0" * 64, "o'hara \\ |süß|"),
    "uuid": make_signed_schema(Uuid(), uuid.UUID(int=1), uuid.UUID(int=2)),
    "bigint": make_signed_schema(BigInteger(), 1, -(2**63)),
}
# The same without signatures, to show what they are for.
UNSIGNED = make_signed_schema(String(100), "acme", "globex", signed=False)


def service_of(signed_schema: SignedSchema, folder: Path) -> Service:
    """Return a service of these models; it has no revisions."""
    return Service(
        "signed_schema",
        Settings,
        metadata=signed_schema.metadata,
        migrations=folder,
        app="signed_schema:app",
        roles=ROLES,
    )


def _creator(address: Address) -> Any:
    async def create(*_args: Any, **_options: Any) -> Any:
        return await connect(StaticSource(address), deadline=10, application_name="build")

    return create


def settings_for(superuser: Address, ring: SigningRing = KEYS, **changes: Any) -> Settings:
    """Return settings whose logins are the application's, the superuser's for migrations, and the admin's."""
    given = {
        "database_url": superuser.replace(user=ROLES.application).url,
        "migration_database_url": superuser.url,
        "admin_database_url": superuser.replace(user=ROLES.admin).url,
        "context_keys": ring.text,
    }
    return Settings(**{**given, **changes})


def open_database(signed_schema: SignedSchema, settings: Settings) -> Database:
    """Return the schema's database, ready for `async with`."""
    return Database(settings, metadata=signed_schema.metadata, roles=ROLES, name="signed_schema")
