"""Row security, policies and privileges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tenantry.postgres.clauses import PUBLIC, grantee, one_of
from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import identifier, qualified

__all__ = ["Grant", "Policy", "RowSecurity"]

PRIVILEGES = (
    *("CREATE", "DELETE", "EXECUTE", "INSERT", "MAINTAIN", "REFERENCES"),
    *("SELECT", "TRIGGER", "TRUNCATE", "UPDATE", "USAGE"),
)


@dataclass(frozen=True, slots=True)
class RowSecurity(DatabaseObject):
    """The two row security flags of a table, ENABLE and FORCE. A table without both flags has no such object."""

    table: str
    schema: str = "public"
    enabled: bool = True
    forced: bool = True

    noun: ClassVar[str] = "row_security"
    rank: ClassVar[int] = 4

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.table)

    def _create(self) -> tuple[str, ...]:
        return self._set(enabled=self.enabled, forced=self.forced)

    def _drop(self) -> tuple[str, ...]:
        return self._set(enabled=False, forced=False)

    def _set(self, *, enabled: bool, forced: bool) -> tuple[str, ...]:
        flags = (
            f"{'ENABLE' if enabled else 'DISABLE'} ROW LEVEL SECURITY",
            f"{'FORCE' if forced else 'NO FORCE'} ROW LEVEL SECURITY",
        )
        return (f"ALTER TABLE {qualified(self.schema, self.table)} {', '.join(flags)}",)


@dataclass(frozen=True, slots=True)
class Policy(DatabaseObject):
    """A row security policy; without `roles` it is for PUBLIC, and `check` is the clause WITH CHECK."""

    name: str
    table: str
    roles: tuple[str, ...] = (PUBLIC,)
    using: str | None = None
    check: str | None = None
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL"
    permissive: bool = True
    schema: str = "public"

    noun: ClassVar[str] = "policy"
    rank: ClassVar[int] = 5

    def __post_init__(self) -> None:
        one_of("command", self.command, ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))
        object.__setattr__(self, "roles", tuple(sorted(set(self.roles))) or (PUBLIC,))

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.table, self.name)

    def _create(self) -> tuple[str, ...]:
        clauses = [
            f"CREATE POLICY {identifier(self.name)} ON {qualified(self.schema, self.table)}",
            "" if self.permissive else "AS RESTRICTIVE",
            f"FOR {self.command} TO {', '.join(map(grantee, self.roles))}",
            f"USING ({self.using})" if self.using is not None else "",
            f"WITH CHECK ({self.check})" if self.check is not None else "",
        ]
        return (" ".join(filter(None, clauses)),)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP POLICY {identifier(self.name)} ON {qualified(self.schema, self.table)}",)


@dataclass(frozen=True, slots=True)
class Grant(DatabaseObject):
    """Privileges of one role on one table, column, sequence, schema or function.

    For a function, `name` is its address without the schema, `touch()`; the catalog reader returns those grants as
    `Function.execute` instead.
    """

    role: str
    privileges: tuple[str, ...]
    name: str
    kind: Literal["TABLE", "SEQUENCE", "SCHEMA", "FUNCTION"] = "TABLE"
    schema: str = "public"
    column: str = ""
    grantable: bool = False

    noun: ClassVar[str] = "grant"
    rank: ClassVar[int] = 6

    def __post_init__(self) -> None:
        one_of("kind of object", self.kind, ("TABLE", "SEQUENCE", "SCHEMA", "FUNCTION"))
        for privilege in self.privileges:
            # Unknown privileges are accepted, because a newer server may have more. ALL is refused, because it includes
            # TRUNCATE, which ignores row security.
            if not (privilege.isalpha() and privilege.isupper()) or privilege == "ALL":
                one_of("privilege", privilege, PRIVILEGES)
        object.__setattr__(self, "privileges", tuple(sorted(set(self.privileges))))
        if self.kind == "SCHEMA":
            object.__setattr__(self, "schema", self.name)

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.kind, self.name, self.column, self.role, "grantable" if self.grantable else "")

    @property
    def place(self) -> str:
        """The object as a finding names it."""
        column = f".{self.column}" if self.column else ""
        return f"{self.kind.lower()} {self.schema}.{self.name}{column}"

    @property
    def label(self) -> str:
        """Object, privileges and role, so that the waiver of one grant does not cover another one."""
        return f"{self.place}: {', '.join(self.privileges)} to {self.role}"

    @property
    def address(self) -> str:
        """The object as GRANT and REVOKE name it."""
        if self.kind == "SCHEMA":
            return f"SCHEMA {identifier(self.name)}"
        if self.kind == "FUNCTION":
            name, bracket, signature = self.name.partition("(")
            return f"FUNCTION {qualified(self.schema, name)}{bracket}{signature}"
        return f"{self.kind} {qualified(self.schema, self.name)}"

    def _create(self) -> tuple[str, ...]:
        option = " WITH GRANT OPTION" if self.grantable else ""
        return (f"GRANT {self._privileges()} ON {self.address} TO {grantee(self.role)}{option}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"REVOKE {self._privileges()} ON {self.address} FROM {grantee(self.role)}",)

    def _privileges(self) -> str:
        column = f" ({identifier(self.column)})" if self.column else ""
        return ", ".join(f"{privilege}{column}" for privilege in self.privileges)
