"""Valid services of different kinds: the audit must find nothing in them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import full_schema
from sqlalchemy import (
    BigInteger,
    Computed,
    Enum,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    Uuid,
    func,
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
    Tenancy,
    TenantBase,
    TenantLookup,
    TenantRoot,
    TenantScoped,
    Timestamps,
)
from tenantry.postgres.objects import DatabaseObject, Grant

__all__ = ["VARIATIONS", "Variation", "build"]


@dataclass(frozen=True)
class Varied(Service):
    """A service that declares grants besides those of its models."""

    grants: tuple[tuple[str, str], ...] = ()

    def declared_objects(self) -> frozenset[DatabaseObject]:
        roles = {"app": self.roles.application, "admin": self.roles.admin}
        extra = {
            Grant(role, ("SELECT",), name) if name != "yard" else Grant(role, ("USAGE",), name, kind="SCHEMA")
            for name, who in self.grants
            for role in [roles[who]]
        }
        return super().declared_objects() | extra


@dataclass(frozen=True)
class Variation:
    """One way of being right.

    Attributes:
        make: gives the models.
        before: SQL of the superuser before the tables are made; `{app}`, `{owner}` and `{admin}` stand for the roles.
        after: SQL of the owner when they are.
        grants: what is declared besides, by name and role.
    """

    name: str
    make: Callable[[], MetaData]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    grants: tuple[tuple[str, str], ...] = ()
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def _base(said: Tenancy | None = None) -> Any:
    class Base(TenantBase, DeclarativeBase):
        tenancy: ClassVar[Tenancy] = said or Tenancy()

    return Base


def _boats(base: Any, *, arguments: tuple[Any, ...] = (), **columns: Any) -> MetaData:
    """Make the one tenant table that most valid_services are about, with columns of their own."""
    body = {
        "__tablename__": "boats",
        "__annotations__": {},
        "__table_args__": (Index(None, base.tenancy.column), *arguments),
        "id": mapped_column(Uuid, primary_key=True, server_default=func.gen_random_uuid()),
        **columns,
    }
    type("Boat", (TenantScoped, base), body)
    metadata: MetaData = base.metadata
    return metadata


def _uuid_tenant() -> MetaData:
    return _boats(_base(Tenancy(column="organization_id", type=Uuid())))


def _bigint_tenant() -> MetaData:
    return _boats(_base(Tenancy(type=BigInteger(), setting="shop.account")))


def _signed_tenant() -> MetaData:
    return _boats(_base(Tenancy(signed_context=True)))


def _partitioned() -> MetaData:
    base = _base()

    class Entry(TenantScoped, Timestamps, base):  # type: ignore[misc, valid-type]
        __tablename__ = "entries"
        __partitions__ = 3
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "number"),)
        tenant_id: Mapped[str]
        number: Mapped[int]

    return base.metadata  # type: ignore[no-any-return]


def _lookup() -> MetaData:
    base = _base()

    class User(TenantScoped, base):  # type: ignore[misc, valid-type]
        __tablename__ = "users"
        __lookups__ = (TenantLookup("email"),)
        __table_args__ = (Index(None, "tenant_id"), UniqueConstraint("email"))
        tenant_id: Mapped[str]
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
        email: Mapped[str] = mapped_column(String(200))

    return base.metadata  # type: ignore[no-any-return]


def _shared() -> MetaData:
    base = _base()
    boats = _boats(
        base,
        arguments=(ForeignKeyConstraint(["port"], ["ports.code"], ondelete="CASCADE", onupdate="CASCADE"),),
        port=mapped_column(String(5), nullable=False),
    )

    class Port(Shared, base):  # type: ignore[misc, valid-type]
        __tablename__ = "ports"
        code: Mapped[str] = mapped_column(String(5), primary_key=True)

    return boats


def _global() -> MetaData:
    base = _base()

    class Tide(Global, base):  # type: ignore[misc, valid-type]
        __tablename__ = "tides"
        __table_args__ = (UniqueConstraint("name"),)
        id: Mapped[int] = mapped_column(Identity(), primary_key=True)
        name: Mapped[str] = mapped_column(String(9))

    return base.metadata  # type: ignore[no-any-return]


def _root() -> MetaData:
    base = _base()
    boats = _boats(
        base,
        arguments=(ForeignKeyConstraint(["tenant_id"], ["companies.tenant_id"], ondelete="CASCADE"),),
    )

    class Company(TenantRoot, base):  # type: ignore[misc, valid-type]
        __tablename__ = "companies"
        tenant_id: Mapped[str] = mapped_column(String(100), primary_key=True)

    return boats


def _cascade() -> MetaData:
    base = _base()
    boats = _boats(base, arguments=(UniqueConstraint("tenant_id", "id"),))

    class Oar(TenantScoped, base):  # type: ignore[misc, valid-type]
        __tablename__ = "oars"
        __table_args__ = (
            ForeignKeyConstraint(
                ["tenant_id", "boat_id"], ["boats.tenant_id", "boats.id"], ondelete="CASCADE", onupdate="CASCADE"
            ),
            Index(None, "tenant_id", "boat_id"),
        )
        tenant_id: Mapped[str]
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
        boat_id: Mapped[uuid.UUID]

    return boats


def _identity() -> MetaData:
    return _boats(_base(), number=mapped_column(BigInteger, Identity(always=True), nullable=False))


def _kinds() -> MetaData:
    return _boats(
        _base(),
        mood=mapped_column(Enum("calm", "wild", name="mood"), nullable=False, server_default="calm"),
        length=mapped_column(DOMAIN("metres", BigInteger, check="VALUE > 0"), nullable=False),
        double=mapped_column(BigInteger, Computed("2 * 3", persisted=True)),
    )


def _in_a_schema() -> MetaData:
    return _boats(_base(), arguments=({"schema": "yard"},))


_PLAIN = "CREATE VIEW long_boats WITH (security_invoker = true) AS SELECT id FROM boats"

VARIATIONS = (
    Variation("a plain tenant table", lambda: _boats(_base())),
    Variation("uuid tenants in a column of another name", _uuid_tenant),
    Variation("bigint tenants in another setting", _bigint_tenant),
    Variation("a signed tenant", _signed_tenant),
    Variation("a partitioned table", _partitioned),
    Variation("a declared lookup by a key across tenants", _lookup),
    Variation("a shared table that tenants refer to with a cascade", _shared),
    Variation("a global table with an identity", _global),
    Variation("a reference to the tenant's own row", _root),
    Variation("a composite cascade within the tenant", _cascade),
    Variation("an identity beside a uuid key", _identity),
    Variation("columns of an enum and a domain, and a generated one", _kinds),
    Variation(
        "a schema of its own",
        _in_a_schema,
        before=("CREATE SCHEMA yard AUTHORIZATION {owner}", "GRANT USAGE ON SCHEMA yard TO {app}, {admin}"),
        grants=(("yard", "app"), ("yard", "admin")),
    ),
    Variation(
        "a view with security_invoker whose grant is declared",
        lambda: _boats(_base()),
        after=(_PLAIN, "GRANT SELECT ON long_boats TO {app}"),
        grants=(("long_boats", "app"),),
    ),
    Variation("a declared extension", lambda: _boats(_base()), extensions=("{extension}",)),
    Variation(
        "a schema, a table and a publication that are none of the service's",
        lambda: _boats(_base()),
        before=(
            "CREATE SCHEMA tools",
            "CREATE TABLE tools.jobs (id integer)",
            "CREATE PUBLICATION j FOR TABLE tools.jobs",
        ),
    ),
    Variation(
        "functions to come that nobody may call",
        lambda: _boats(_base()),
        before=("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",),
    ),
    Variation(
        "another login's presets, and a harmless one of the application's",
        lambda: _boats(_base()),
        before=("ALTER ROLE {app} SET statement_timeout = '5s'", "ALTER ROLE {app} SET search_path = public"),
    ),
)


async def build(address: Address, variation: Variation, folder: Path, extension: str) -> Service:
    """Make the variation in an empty database, and return the service that it is."""
    full_schema.write_migrations(folder)
    prefix = f"varied_{os.getpid()}_{uuid.uuid4().hex[:6]}"
    plain = Varied(
        name="varied",
        metadata=variation.make(),
        settings=DatabaseSettings,
        migrations=folder,
        app="varied:app",
        roles=Roles(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_admin"),
        extensions=tuple(name.format(extension=extension) for name in variation.extensions),
    )
    await full_schema.ensure(address, plain)
    async with full_schema.session(address) as connection:
        await _run(connection, plain, variation.before)
    await full_schema.build(address, plain)
    async with full_schema.session(address, role=plain.roles.owner) as connection:
        await _run(connection, plain, variation.after)
    return replace(plain, grants=variation.grants)


async def _run(connection: AsyncConnection, service: Service, statements: tuple[str, ...]) -> None:
    roles = service.roles
    names = {"app": roles.application, "owner": roles.owner, "admin": roles.admin}
    for statement in statements:
        await connection.exec_driver_sql(statement.format(**names))
    await connection.commit()
