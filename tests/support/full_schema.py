"""A schema with everything a model can declare, for the audit: companies with ships and their cargo, in ports.

The names of its roles differ in each run of the tests, because roles belong to the cluster.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import (
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import (
    Address,
    DatabaseSettings,
    Global,
    Roles,
    Service,
    Shared,
    TenantBase,
    TenantRoot,
    TenantScoped,
    Timestamps,
)
from tenantry.postgres.connect import connect
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.objects import Comment, DatabaseObject, Domain, Function, Grant, View
from tenantry.postgres.objects import Enum as DeclaredEnum
from tenantry.postgres.objects import Sequence as DeclaredSequence
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.sql import identifier

HEAD = "00b1"

REVISION = f'''"""The full schema."""

revision = "{HEAD}"
down_revision = None


def upgrade():
    pass


def downgrade():
    pass
'''


class Base(TenantBase, DeclarativeBase):
    pass


class Company(TenantRoot, Base):
    __tablename__ = "companies"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True)


class Ship(TenantScoped, Timestamps, Base):
    __tablename__ = "ships"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("kind IN ('barge', 'ferry')", name="kind"),
        Index(None, "tenant_id", "name"),
        Index("ix_ships_ferries", "tenant_id", postgresql_where=text("kind = 'ferry'")),
    )
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20), server_default="barge")
    crew: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class Cargo(TenantScoped, Base):
    __tablename__ = "cargo"
    __privileges__ = ("INSERT", "SELECT")
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "ship_id"], ["ships.tenant_id", "ships.id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "ship_id"),
    )
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    ship_id: Mapped[uuid.UUID]
    label: Mapped[str | None]


class Entry(TenantScoped, Base):
    __tablename__ = "logbook"
    __partitions__ = 4
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "number"), Index("ix_logbook_note", "note"))
    tenant_id: Mapped[str]
    number: Mapped[int]
    note: Mapped[str] = mapped_column(String(80))


class Port(Shared, Base):
    __tablename__ = "ports"
    code: Mapped[str] = mapped_column(String(5), primary_key=True)


class Tide(Global, Base):
    __tablename__ = "tides"
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phase: Mapped[str | None] = mapped_column(Enum("ebb", "flood", name="phase"))
    height: Mapped[int | None] = mapped_column(DOMAIN("height", Integer(), check=text("VALUE < 30")))
    number: Mapped[int] = mapped_column(Identity())


class Signal(Global, Base):
    __tablename__ = "signals"
    id: Mapped[int] = mapped_column(primary_key=True)


BERTHS = Sequence("berths", start=10, metadata=Base.metadata)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="FULL_SCHEMA_")


class FullSchemaService(Service):
    """A service that declares a function besides what its models do."""

    def declared_objects(self) -> frozenset[DatabaseObject]:
        owner_of = Function(
            "tenant_of",
            " SELECT s.tenant_id::text FROM public.ships AS s WHERE s.id = ship ",
            returns="text",
            arguments="ship uuid",
            language="sql",
            volatility="STABLE",
            security_definer=True,
            search_path="pg_catalog, pg_temp",
            execute=(self.roles.application,),
        )
        usage = Grant(self.roles.application, ("USAGE",), "public", kind="SCHEMA")
        names = View("constants", " SELECT 1 AS one")
        granted = Grant(self.roles.admin, ("SELECT",), "constants")
        told = Comment("FUNCTION", "tenant_of(ship uuid)", "Finds the tenant of a ship.")
        return super().declared_objects() | {owner_of, usage, names, granted, told}


def make_service(folder: Path, extension: str) -> Service:
    """Return the service, with a folder of migrations that says where the schema is."""
    write_migrations(folder)
    prefix = f"harbour_{os.getpid()}"
    return FullSchemaService(
        name="full_schema",
        metadata=Base.metadata,
        settings=Settings,
        migrations=folder,
        app="full_schema:app",
        roles=Roles(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_admin"),
        extensions=(extension,),
    )


def write_migrations(folder: Path) -> None:
    """Make a folder of migrations whose head is what `build` writes into a database."""
    (folder / "versions").mkdir(parents=True)
    (folder / "versions" / f"{HEAD}.py").write_text(REVISION)


async def ensure(address: Address, service: Service) -> None:
    """Make the roles of the service."""
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        await ensure_roles(connection, service.roles)
    finally:
        await connection.close()


async def build(address: Address, service: Service) -> None:
    """Make everything that the service declares in the superuser's database."""
    await ensure(address, service)
    async with session(address) as connection:
        for extension in service.extensions:
            await connection.exec_driver_sql(f"CREATE EXTENSION {identifier(extension)}")
        await connection.exec_driver_sql(f"SET ROLE {identifier(service.roles.owner)}")
        await connection.run_sync(service.metadata.create_all)
        kinds = DeclaredSequence | DeclaredEnum | Domain
        made = {item for item in service.declared_objects() if isinstance(item, kinds)}
        for item in sorted(service.declared_objects() - set(service.roles) - made):
            for statement in item.create():
                await connection.exec_driver_sql(statement)
        await connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        await connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{HEAD}')")
        grantees = f"{identifier(service.roles.application)}, {identifier(service.roles.admin)}"
        await connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {grantees}")
        await connection.commit()


async def drop_roles(address: Address, service: Service) -> None:
    """Remove the roles, which would outlive the database."""
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        for role in service.roles:
            await connection.execute(f"DROP OWNED BY {identifier(role.name)} CASCADE")
            await connection.execute(f"DROP ROLE {identifier(role.name)}")
    finally:
        await connection.close()


@asynccontextmanager
async def session(address: Address, role: str | None = None) -> AsyncIterator[AsyncConnection]:
    """Open a connection as the superuser, or in a role."""
    engine = create_engine(StaticSource(address), PoolOptions(size=1), role=role, application_name="test")
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
