"""What a schema holds besides tables, as values: one vocabulary for declaration, migration, comparison and audit.

The models declare these objects, migrations create and drop them, the catalog reader returns them; so whether a
database holds what the models promise is a question about two sets. Equality is exact: expressions, types and bodies
are kept in the text that PostgreSQL itself prints for them under `search_path = pg_catalog` (what pg_dump does), so
that anything outside pg_catalog is written with its schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.clauses import PUBLIC
from tenantry.postgres.partitions import HashPartitions
from tenantry.postgres.protection import Grant, Policy, RowSecurity
from tenantry.postgres.routines import Function, Trigger
from tenantry.postgres.sequences import Sequence, Serial
from tenantry.postgres.vocabulary import DatabaseObject
from tenantry.sql import identifier

__all__ = [
    "PUBLIC",
    "DatabaseObject",
    "Extension",
    "Function",
    "Grant",
    "HashPartitions",
    "Policy",
    "Role",
    "RowSecurity",
    "Sequence",
    "Serial",
    "Trigger",
]


@dataclass(frozen=True, slots=True)
class Role(DatabaseObject):
    """A role of the cluster, never a superuser."""

    name: str
    login: bool = False
    bypass_rls: bool = False

    noun: ClassVar[str] = "role"
    rank: ClassVar[int] = 0
    is_before_tables: ClassVar[bool] = True

    def _names(self) -> tuple[str, ...]:
        return (self.name,)

    def _create(self) -> tuple[str, ...]:
        login = "LOGIN" if self.login else "NOLOGIN"
        # NOBYPASSRLS is the default, and before PostgreSQL 16 only a superuser may even say it.
        bypass = " BYPASSRLS" if self.bypass_rls else ""
        return (f"CREATE ROLE {identifier(self.name)} {login} NOCREATEDB NOCREATEROLE{bypass}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP ROLE {identifier(self.name)}",)


@dataclass(frozen=True, slots=True)
class Extension(DatabaseObject):
    """An extension of the database, in whatever version the server has."""

    name: str

    noun: ClassVar[str] = "extension"
    rank: ClassVar[int] = 1
    is_before_tables: ClassVar[bool] = True

    def _names(self) -> tuple[str, ...]:
        return (self.name,)

    def _create(self) -> tuple[str, ...]:
        return (f"CREATE EXTENSION IF NOT EXISTS {identifier(self.name)}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP EXTENSION IF EXISTS {identifier(self.name)}",)
