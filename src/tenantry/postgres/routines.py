"""Functions and the triggers that call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tenantry.postgres.clauses import PUBLIC, arguments_of, event, grantee, one_of, search_path
from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import identifier, literal, qualified

__all__ = ["Function", "Trigger"]


@dataclass(frozen=True, slots=True)
class Function(DatabaseObject):
    """A function; only the roles in `execute` may call it. PUBLIC may call it only if it is in that list.

    `arguments` is the list between the parentheses of CREATE FUNCTION, such as `title text, size integer DEFAULT 1`.
    `options` are further clauses of CREATE FUNCTION, such as `LEAKPROOF`, `STRICT`, `COST 10` or
    `SET row_security = 'off'`.
    """

    name: str
    body: str
    returns: str = "trigger"
    arguments: str = ""
    language: str = "plpgsql"
    volatility: Literal["IMMUTABLE", "STABLE", "VOLATILE"] = "VOLATILE"
    security_definer: bool = False
    search_path: str | None = None
    execute: tuple[str, ...] = ()
    schema: str = "public"
    options: tuple[str, ...] = ()

    noun: ClassVar[str] = "function"
    rank: ClassVar[int] = 2

    def __post_init__(self) -> None:
        one_of("volatility", self.volatility, ("IMMUTABLE", "STABLE", "VOLATILE"))
        object.__setattr__(self, "execute", tuple(sorted(set(self.execute))))
        object.__setattr__(self, "options", tuple(sorted(set(self.options))))

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.name, self.signature)

    @property
    def signature(self) -> str:
        """The arguments without their defaults, which DROP and GRANT do not accept."""
        return ", ".join(part.split(" DEFAULT ")[0] for part in arguments_of(self.arguments))

    @property
    def address(self) -> str:
        """The function in the syntax of DROP, GRANT and REVOKE."""
        return f"{qualified(self.schema, self.name)}({self.signature})"

    def _create(self) -> tuple[str, ...]:
        clauses = [
            f"CREATE OR REPLACE FUNCTION {qualified(self.schema, self.name)}({self.arguments}) RETURNS {self.returns}",
            f"LANGUAGE {identifier(self.language)} {self.volatility}",
            "SECURITY DEFINER" if self.security_definer else "",
            f"SET search_path = {search_path(self.search_path)}" if self.search_path is not None else "",
            *self.options,
            self._definition(),
        ]
        statements = [" ".join(filter(None, clauses))]
        if PUBLIC not in self.execute:
            statements.append(f"REVOKE ALL ON FUNCTION {self.address} FROM PUBLIC")
        if self.execute:
            statements.append(f"GRANT EXECUTE ON FUNCTION {self.address} TO {', '.join(map(grantee, self.execute))}")
        return tuple(statements)

    def _definition(self) -> str:
        # A body in the form of the SQL standard is not a string constant (manual, CREATE FUNCTION, sql_body).
        if self.language == "sql" and self.body.startswith(("BEGIN ATOMIC", "RETURN ")):
            return self.body
        tag = "$function$"
        while tag in self.body:
            tag = f"{tag[:-1]}_$"
        return f"AS {tag}{self.body}{tag}"

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP FUNCTION {self.address}",)


@dataclass(frozen=True, slots=True)
class Trigger(DatabaseObject):
    """A trigger; `function` is in the table's schema unless it is written `schema.name`.

    `when` is a condition over `old` and `new`. An event may be `UPDATE OF a, b`.
    `options` is the clause before FOR EACH, such as `REFERENCING NEW TABLE AS fresh`. `state` is in the words of ALTER
    TABLE.
    """

    name: str
    table: str
    function: str
    timing: Literal["BEFORE", "AFTER", "INSTEAD OF"] = "BEFORE"
    events: tuple[str, ...] = ("UPDATE",)
    level: Literal["ROW", "STATEMENT"] = "ROW"
    when: str | None = None
    schema: str = "public"
    arguments: tuple[str, ...] = ()
    options: str = ""
    state: Literal["ENABLE", "DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"] = "ENABLE"

    noun: ClassVar[str] = "trigger"
    rank: ClassVar[int] = 3

    def __post_init__(self) -> None:
        one_of("timing", self.timing, ("BEFORE", "AFTER", "INSTEAD OF"))
        one_of("level", self.level, ("ROW", "STATEMENT"))
        one_of("state", self.state, ("ENABLE", "DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"))
        for text in self.events:
            event(text)
        # The order in which PostgreSQL prints events, so that the order in the declaration makes no difference.
        order = ("INSERT", "DELETE", "UPDATE", "TRUNCATE")
        object.__setattr__(self, "events", tuple(sorted(self.events, key=lambda text: order.index(text.split()[0]))))
        object.__setattr__(self, "arguments", tuple(self.arguments))

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.table, self.name)

    def _create(self) -> tuple[str, ...]:
        table = qualified(self.schema, self.table)
        function = qualified(*(self.function.split(".") if "." in self.function else (self.schema, self.function)))
        events = " OR ".join(event(text) for text in self.events)
        clauses = [
            "CREATE CONSTRAINT TRIGGER" if "DEFERRABLE" in self.options else "CREATE TRIGGER",
            f"{identifier(self.name)} {self.timing} {events} ON {table}",
            self.options,
            f"FOR EACH {self.level}",
            f"WHEN ({self.when})" if self.when else "",
            f"EXECUTE FUNCTION {function}({', '.join(map(literal, self.arguments))})",
        ]
        created = " ".join(filter(None, clauses))
        if self.state == "ENABLE":
            return (created,)
        return (created, f"ALTER TABLE {table} {self.state} TRIGGER {identifier(self.name)}")

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP TRIGGER {identifier(self.name)} ON {qualified(self.schema, self.table)}",)
