"""Comments on objects other than tables and columns, whose comments SQLAlchemy's models declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tenantry.postgres.clauses import one_of
from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import identifier, literal, qualified

__all__ = ["Comment"]

KINDS = ("FUNCTION", "MATERIALIZED VIEW", "POLICY", "SCHEMA", "SEQUENCE", "TRIGGER", "VIEW")


@dataclass(frozen=True, slots=True)
class Comment(DatabaseObject):
    """The comment on an object; an empty text removes it.

    A function is named with its arguments, `slug(title text)`. `table` is the table of a policy or a trigger.
    """

    kind: Literal["FUNCTION", "MATERIALIZED VIEW", "POLICY", "SCHEMA", "SEQUENCE", "TRIGGER", "VIEW"]
    name: str
    text: str
    table: str = ""
    schema: str = "public"

    noun: ClassVar[str] = "comment"
    rank: ClassVar[int] = 7

    def __post_init__(self) -> None:
        one_of("kind of object with a comment", self.kind, KINDS)
        if self.kind == "SCHEMA":
            object.__setattr__(self, "schema", self.name)

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.kind, self.table, self.name)

    @property
    def address(self) -> str:
        """The object in the syntax of COMMENT."""
        if self.kind == "SCHEMA":
            return f"SCHEMA {identifier(self.name)}"
        if self.table:
            return f"{self.kind} {identifier(self.name)} ON {qualified(self.schema, self.table)}"
        name, bracket, signature = self.name.partition("(")
        return f"{self.kind} {qualified(self.schema, name)}{bracket}{signature}"

    def _create(self) -> tuple[str, ...]:
        return (f"COMMENT ON {self.address} IS {literal(self.text) if self.text else 'NULL'}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"COMMENT ON {self.address} IS NULL",)
