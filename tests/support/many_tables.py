"""A service of many tenant tables, each with all parts of a tenant table, to measure the audit."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import full_schema
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column

from tenantry import DatabaseSettings, Roles, Service, TenantBase, TenantScoped, Timestamps

__all__ = ["make_metadata", "make_service"]


def make_metadata(tables: int) -> MetaData:
    """Return models whose tables refer each to the one before: six columns, four indexes, a check, a trigger."""

    class Base(TenantBase, DeclarativeBase):
        pass

    for number in range(tables):
        type(f"Boat{number}", (TenantScoped, Timestamps, Base), _body(number))
    return Base.metadata


def _body(number: int) -> dict[str, object]:
    before = f"boats_{number - 1}"
    reference = ForeignKeyConstraint(["tenant_id", "tug_id"], [f"{before}.tenant_id", f"{before}.id"])
    return {
        "__tablename__": f"boats_{number}",
        "__annotations__": {},
        "__table_args__": (
            UniqueConstraint("tenant_id", "id"),
            CheckConstraint("status IN ('afloat', 'docked')", name="status"),
            Index(None, "tenant_id", "name"),
            Index(None, "tenant_id", "tug_id"),
            Index(f"ix_boats_{number}_docked", "tenant_id", postgresql_where=text("status = 'docked'")),
            *((reference,) if number else ()),
        ),
        "id": mapped_column(Uuid, primary_key=True, server_default=func.gen_random_uuid()),
        "tug_id": mapped_column(Uuid, nullable=True),
        "name": mapped_column(String(80), nullable=False),
        "status": mapped_column(String(20), nullable=False, server_default="afloat"),
        "crew": mapped_column(Integer, nullable=False, server_default=text("1")),
    }


def make_service(folder: Path, tables: int) -> Service:
    """Return the service, with a folder of migrations that says where the schema is."""
    full_schema.write_migrations(folder)
    prefix = f"fleet_{os.getpid()}_{uuid.uuid4().hex[:6]}"
    return Service(
        name="many_tables",
        metadata=make_metadata(tables),
        settings=DatabaseSettings,
        migrations=folder,
        app="many_tables:app",
        roles=Roles(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_admin"),
    )
