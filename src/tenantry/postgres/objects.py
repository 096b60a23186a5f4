"""The objects of a schema besides tables, as values, for declarations, migrations, comparison and audit.

The models declare these objects, migrations create and drop them, and `catalog` reads them. So the comparison of a
database with its models compares two sets. Equality is exact: expressions, types and bodies are stored as the text that
PostgreSQL prints under `search_path = pg_catalog` (as pg_dump does), with the schema of every name outside pg_catalog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.clauses import PUBLIC
from tenantry.postgres.comments import Comment
from tenantry.postgres.database_object import DatabaseObject
from tenantry.postgres.partitions import HashPartitions
from tenantry.postgres.protection import Grant, Policy, RowSecurity
from tenantry.postgres.routines import Function, Trigger
from tenantry.postgres.sequences import Sequence, Serial
from tenantry.postgres.types import Domain, Enum
from tenantry.postgres.views import View
from tenantry.sql import identifier, literal

__all__ = [
    "PUBLIC",
    "Comment",
    "DatabaseObject",
    "Domain",
    "Enum",
    "Extension",
    "Function",
    "Grant",
    "HashPartitions",
    "Policy",
    "Role",
    "RowSecurity",
    "Schema",
    "Sequence",
    "Serial",
    "Trigger",
    "View",
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
        # NOBYPASSRLS is the default, and before PostgreSQL 16 only a superuser may write it.
        bypass = " BYPASSRLS" if self.bypass_rls else ""
        return (f"CREATE ROLE {identifier(self.name)} {login} NOCREATEDB NOCREATEROLE{bypass}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP ROLE {identifier(self.name)}",)


@dataclass(frozen=True, slots=True)
class Schema(DatabaseObject):
    """A schema besides `public`, which every database has.

    A comment marks a schema that a migration created, so that no migration drops another one.
    """

    name: str

    noun: ClassVar[str] = "schema"
    rank: ClassVar[int] = 0
    is_before_tables: ClassVar[bool] = True
    mark: ClassVar[str] = "Created by a migration."

    def _names(self) -> tuple[str, ...]:
        return (self.name,)

    def _create(self) -> tuple[str, ...]:
        name = identifier(self.name)
        return (f"CREATE SCHEMA {name}", f"COMMENT ON SCHEMA {name} IS {literal(self.mark)}")

    def _drop(self) -> tuple[str, ...]:
        # Without CASCADE: another program may have objects in it.
        return (f"DROP SCHEMA {identifier(self.name)}",)


@dataclass(frozen=True, slots=True)
class Extension(DatabaseObject):
    """An extension of the database, in the version that the server has."""

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
