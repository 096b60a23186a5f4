"""The module of a project whose tables number their rows in every way there is."""

from __future__ import annotations

__all__ = ["IN_A_SCHEMA", "MODULE"]

MODULE = '''
from __future__ import annotations

from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, Column, Identity, Integer, PrimaryKeyConstraint, Sequence, SmallInteger, String
from sqlalchemy import func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, Global, Roles, Service, Shared, TenantBase, TenantRoot, TenantScoped

ROLES = Roles("{prefix}_owner", "{prefix}_app", "{prefix}_admin")


class Base(TenantBase, DeclarativeBase):
    pass


class Firm(TenantRoot, Base):
    """A root whose key is a number; the admin role makes it."""
    __tablename__ = "firms"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(100), unique=True)


class Bill(TenantScoped, Base):
    __tablename__ = "bills"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int] = mapped_column(autoincrement=True)


class Page(TenantScoped, Base):
    __tablename__ = "pages"
    __partitions__ = 2
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int] = mapped_column(SmallInteger, autoincrement=True)


class Line(TenantScoped, Base):
    """The application reads it, and may not insert."""
    __tablename__ = "lines"
    __privileges__ = ("SELECT",)
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int] = mapped_column(autoincrement=True)


class Currency(Shared, Base):
    __tablename__ = "currencies"
    id: Mapped[int] = mapped_column(primary_key=True)


class Plain(Global, Base):
    __tablename__ = "plains"
    id: Mapped[int] = mapped_column(primary_key=True)


class Odd(Global, Base):
    __tablename__ = 'The "Odd"'
    __table_args__ = (PrimaryKeyConstraint('The "Id"', name="pk_odd"),)
    id: Mapped[int] = mapped_column('The "Id"')


class Long(Global, Base):
    __tablename__ = "a_table_whose_name_is_long_enough_to_be_cut_with_its_column"
    id: Mapped[int] = mapped_column("a_column_whose_name_is_long_enough_to_be_cut_too", primary_key=True)


class First(Global, Base):
    __tablename__ = "a_b"
    id: Mapped[int] = mapped_column("c", primary_key=True)


class Second(Global, Base):
    """Its sequence would have the name of the one before."""
    __tablename__ = "a"
    id: Mapped[int] = mapped_column("b_c", primary_key=True)


class Identified(Global, Base):
    __tablename__ = "identified"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)


class Named(Global, Base):
    """A sequence that Python calls."""
    __tablename__ = "named"
    id: Mapped[int] = mapped_column(Sequence("Named Numbers", start=100, increment=5), primary_key=True)


COMMON = Sequence("common_numbers", metadata=Base.metadata, data_type=Integer, cycle=True)


class Drawn(Global, Base):
    """A sequence that the server calls, and one for updates."""
    __tablename__ = "drawn"
    id: Mapped[int] = mapped_column(Integer, COMMON, server_default=COMMON.next_value(), primary_key=True)
    changes: Mapped[int] = mapped_column(server_default=text("nextval('common_numbers')"))
    version: Mapped[int] = mapped_column(server_default="1", onupdate=Sequence("versions").next_value())


class Counted(Global, Base):
    """Its key comes from Python: the column must not be serial."""
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True, default=lambda: 7)


LONELY = Sequence("lonely", metadata=Base.metadata)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="NUMBERS_")


service = Service(
    name="{database}",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="{module}:app",
    roles=ROLES,
    extensions={extensions!r},
)
'''

_PLAINS = '__tablename__ = "plains"\n'

IN_A_SCHEMA = MODULE.replace(_PLAINS, f'{_PLAINS}    __table_args__ = {{{{"schema": "crm"}}}}\n')
