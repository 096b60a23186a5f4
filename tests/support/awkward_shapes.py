"""A schema whose rows are hard to make up: zoos with animals, keepers and feedings.

Tenants are numbers. It has a circle of references, a table that refers to itself, references of two columns, an
identity GENERATED ALWAYS, generated columns, domains, enums, arrays and ranges, a key that is unique across zoos,
partitions, and a table that needs a factory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from declared_schema import create_declared
from pydantic_settings import SettingsConfigDict
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    Enum,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from tenantry import (
    Address,
    DatabaseSettings,
    Roles,
    Service,
    Shared,
    Tenancy,
    TenantBase,
    TenantLookup,
    TenantRoot,
    TenantScoped,
)
from tenantry.postgres.connect import connect
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.sql import identifier

__all__ = ["Base", "build", "make_ledger", "make_service"]

MOODS = ("calm", "it's wild", "asleep")

DOMAINS = {
    "weight": "numeric(7, 2) CHECK (VALUE > 100) CHECK (VALUE < 5000)",
    "email": r"text NOT NULL CHECK (VALUE ~ '^[a-z0-9.-]+@[a-z0-9-]+\.[a-z]{2,}$')",
}


class Domain(UserDefinedType[Any]):
    """A column of one of the domains."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_options: Any) -> str:
        """Return the domain's name."""
        return self.name


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="zoo_id", type=BigInteger())


def _zoo() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["zoo_id"], ["zoos.id"], ondelete="CASCADE")


class Zoo(TenantRoot, Base):
    __tablename__ = "zoos"
    __tenant_key__: ClassVar[str] = "id"
    __table_args__ = (CheckConstraint("length(name) <= 12 AND name <> ''", name="name"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)


class Species(Shared, Base):
    __tablename__ = "species"
    __table_args__ = (CheckConstraint("code ~ '^[A-Z]{3}$'", name="code"),)
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    label: Mapped[str] = mapped_column(Text, Computed("lower(code)", persisted=True))


class Animal(TenantScoped, Base):
    """Refers to itself, to what is shared, and to a keeper who refers to an animal."""

    __tablename__ = "animals"
    __lookups__ = (TenantLookup("chip"),)
    __table_args__ = (
        _zoo(),
        ForeignKeyConstraint(["zoo_id", "mother_id"], ["animals.zoo_id", "animals.id"]),
        ForeignKeyConstraint(["zoo_id", "twin_id"], ["animals.zoo_id", "animals.id"]),
        ForeignKeyConstraint(["zoo_id", "keeper_id"], ["keepers.zoo_id", "keepers.id"], use_alter=True),
        ForeignKeyConstraint(["species"], ["species.code"]),
        PrimaryKeyConstraint("zoo_id", "id"),
        UniqueConstraint("zoo_id", "name"),
        CheckConstraint("died > born", name="died"),
        CheckConstraint("born < '2020-01-01'", name="born"),
        CheckConstraint("jsonb_typeof(notes) = 'array'", name="notes"),
        CheckConstraint("(mood = 'asleep') = (dreams IS NOT NULL)", name="dreams"),
        Index(None, "zoo_id", "keeper_id"),
    )
    zoo_id: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    name: Mapped[str] = mapped_column(String(6))
    title: Mapped[str] = mapped_column(Text, Computed("upper(name)", persisted=True))
    species: Mapped[str] = mapped_column(String(3))
    chip: Mapped[str] = mapped_column(String(16), unique=True)
    mood: Mapped[str] = mapped_column(Enum(*MOODS, name="mood"))
    dreams: Mapped[str | None] = mapped_column(Text)
    moods: Mapped[list[str]] = mapped_column(ARRAY(Enum(*MOODS, name="mood")))
    weight: Mapped[Decimal] = mapped_column(Domain("weight"))
    born: Mapped[date] = mapped_column(Date)
    died: Mapped[date | None] = mapped_column(Date)
    notes: Mapped[list[Any]] = mapped_column(JSONB)
    mother_id: Mapped[int | None] = mapped_column(BigInteger)
    twin_id: Mapped[int] = mapped_column(BigInteger)
    keeper_id: Mapped[int | None] = mapped_column(BigInteger)


class Keeper(TenantScoped, Base):
    """Refers to an animal; a zoo's shifts do not overlap."""

    __tablename__ = "keepers"
    __table_args__ = (
        _zoo(),
        ForeignKeyConstraint(["zoo_id", "animal_id"], ["animals.zoo_id", "animals.id"]),
        PrimaryKeyConstraint("zoo_id", "id"),
        ExcludeConstraint((text("int8range(zoo_id, zoo_id, '[]')"), "="), ("shift", "&&"), using="gist", name="shift"),
        CheckConstraint("cardinality(skills) = 2", name="skills"),
        Index(None, "zoo_id", "animal_id"),
    )
    zoo_id: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger, Identity())
    animal_id: Mapped[int] = mapped_column(BigInteger)
    email: Mapped[str] = mapped_column(Domain("email"))
    shift: Mapped[Range[int]] = mapped_column(INT4RANGE)
    skills: Mapped[list[str]] = mapped_column(ARRAY(String(8)))


class Feeding(TenantScoped, Base):
    """In partitions; who feeds whom, each pair once."""

    __tablename__ = "feedings"
    __partitions__ = 3
    __table_args__ = (
        PrimaryKeyConstraint("zoo_id", "animal_id", "keeper_id"),
        ForeignKeyConstraint(["zoo_id", "animal_id"], ["animals.zoo_id", "animals.id"]),
        ForeignKeyConstraint(["zoo_id", "keeper_id"], ["keepers.zoo_id", "keepers.id"]),
        CheckConstraint("portions BETWEEN 1 AND 5", name="portions"),
        CheckConstraint("code ~ '^[A-Z]{2}-[0-9]{4}$'", name="code"),
        UniqueConstraint("zoo_id", "portions", "code"),
    )
    zoo_id: Mapped[int]
    animal_id: Mapped[int] = mapped_column(BigInteger)
    keeper_id: Mapped[int] = mapped_column(BigInteger)
    portions: Mapped[int] = mapped_column(Integer)
    code: Mapped[str] = mapped_column(String(7))


class Licence(TenantScoped, Base):
    """One a zoo."""

    __tablename__ = "licences"
    __table_args__ = (_zoo(), PrimaryKeyConstraint("zoo_id"))
    zoo_id: Mapped[int]
    number: Mapped[str] = mapped_column(String(40), server_default=func.gen_random_uuid().cast(Text))


class Ledger(TenantScoped, Base):
    """Its check cannot be met by guessing."""

    __tablename__ = "ledger"
    __table_args__ = (
        PrimaryKeyConstraint("zoo_id", "number"),
        CheckConstraint("checksum = md5(number || ':' || amount)", name="checksum"),
    )
    zoo_id: Mapped[int]
    number: Mapped[int] = mapped_column(Integer)
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    checksum: Mapped[str] = mapped_column(String(32))
    extras: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


def make_ledger(tenant: str, number: int) -> dict[str, Any]:
    """Return the values that the check of the ledger demands."""
    amount = Decimal(f"{number}.50")
    checksum = hashlib.md5(f"{number}:{amount}".encode(), usedforsecurity=False).hexdigest()
    return {"number": number, "amount": amount, "checksum": checksum, "extras": {"zoo": tenant}}


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHAPES_")


def make_service(folder: Path, **changes: Any) -> Service:
    """Return the service."""
    given: dict[str, Any] = {
        "name": "awkward_shapes",
        "metadata": Base.metadata,
        "settings": Settings,
        "migrations": folder,
        "app": "awkward_shapes:app",
        "roles": Roles("shapes_owner", "shapes_app", "shapes_admin"),
        "factories": {"ledger": "awkward_shapes:make_ledger"},
    }
    return Service(**{**given, **changes})


async def build(superuser: Address, service: Service, domains: Mapping[str, str] = DOMAINS) -> None:
    """Make the roles, the domains, the tables and everything declared in the superuser's database."""

    async def create(*_args: Any, **_options: Any) -> Any:
        return await connect(StaticSource(superuser), deadline=10, application_name="build")

    connection = await create()
    try:
        await ensure_roles(connection, service.roles)
    finally:
        await connection.close()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=create)
    try:
        async with engine.begin() as building:
            await building.exec_driver_sql(f"SET ROLE {identifier(service.roles.owner)}")
            for name, definition in domains.items():
                await building.exec_driver_sql(f"CREATE DOMAIN {name} AS {definition}")
            await create_declared(building, service.metadata, service.declared_objects() - set(service.roles))
    finally:
        await engine.dispose()
