"""The types that a schema can declare: enums and domains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tenantry import errors
from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import identifier, literal, qualified

__all__ = ["Domain", "Enum"]


@dataclass(frozen=True, slots=True)
class Enum(DatabaseObject):
    """An enum with its values in their order."""

    name: str
    values: tuple[str, ...]
    schema: str = "public"

    noun: ClassVar[str] = "enum"
    rank: ClassVar[int] = 2
    is_before_tables: ClassVar[bool] = True

    def has_all_of(self, other: Enum) -> bool:
        """Return True if the enum has the values of `other` in the same order, and maybe more."""
        return tuple(value for value in self.values if value in other.values) == other.values

    def with_values_of(self, other: Enum) -> Enum:
        """Return the enum with the values of `other` that it does not have, at the end."""
        return Enum(self.name, (*self.values, *(each for each in other.values if each not in self.values)), self.schema)

    def additions(self, previous: Enum) -> Iterator[str]:
        """Yield the statements that add the values that `previous` does not have, each in its place."""
        for position, value in enumerate(self.values):
            if value not in previous.values:
                # At the beginning there is no earlier value. The first value of `previous` exists already.
                place = (
                    f"AFTER {literal(self.values[position - 1])}"
                    if position
                    else f"BEFORE {literal(previous.values[0])}"
                )
                yield f"ALTER TYPE {qualified(self.schema, self.name)} ADD VALUE {literal(value)} {place}"

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.name)

    def _create(self) -> tuple[str, ...]:
        values = ", ".join(map(literal, self.values))
        return (f"CREATE TYPE {qualified(self.schema, self.name)} AS ENUM ({values})",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP TYPE {qualified(self.schema, self.name)}",)


@dataclass(frozen=True, slots=True)
class Domain(DatabaseObject):
    """A domain: a type with a default and with checks.

    Attributes:
        data_type: the type below, as SQL.
        checks: pairs of a name and an expression, flat: `("positive", "VALUE > 0")`.
    """

    name: str
    data_type: str
    schema: str = "public"
    collation: str = ""
    default: str | None = None
    not_null: bool = False
    checks: tuple[str, ...] = ()

    noun: ClassVar[str] = "domain"
    # After enums, because a domain can be over an enum.
    rank: ClassVar[int] = 3
    is_before_tables: ClassVar[bool] = True

    @property
    def constraints(self) -> dict[str, str]:
        """The expression of each check, by the check's name."""
        return dict(zip(self.checks[::2], self.checks[1::2], strict=True))

    def changes_to(self, new: Domain) -> Iterator[str]:
        """Yield the statements that change this domain to `new`.

        Raises:
            MigrationError: PostgreSQL cannot change the type below or its collation.
        """
        alter = f"ALTER DOMAIN {qualified(self.schema, self.name)}"
        if (self.data_type, self.collation) != (new.data_type, new.collation):
            types = [f"{each.data_type} {each.collation}".strip() for each in (self, new)]
            raise errors.MigrationError(
                f"The domain {self.schema}.{self.name} is over {types[0]}, and is declared over {types[1]}.",
                why="PostgreSQL cannot change the type of a domain.",
                remedy="Declare a domain with another name, and change the columns to it.",
            )
        if self.default != new.default:
            yield f"{alter} DROP DEFAULT" if new.default is None else f"{alter} SET DEFAULT {new.default}"
        if self.not_null != new.not_null:
            yield f"{alter} {'SET' if new.not_null else 'DROP'} NOT NULL"
        old, wanted = self.constraints, new.constraints
        for name in old:
            if old[name] != wanted.get(name):
                yield f"{alter} DROP CONSTRAINT {identifier(name)}"
        for name in wanted:
            if wanted[name] != old.get(name):
                yield f"{alter} ADD CONSTRAINT {identifier(name)} CHECK ({wanted[name]})"

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.name)

    def _create(self) -> tuple[str, ...]:
        clauses = [
            f"CREATE DOMAIN {qualified(self.schema, self.name)} AS {self.data_type}",
            f"COLLATE {self.collation}" if self.collation else "",
            "" if self.default is None else f"DEFAULT {self.default}",
            "NOT NULL" if self.not_null else "",
            *(f"CONSTRAINT {identifier(name)} CHECK ({check})" for name, check in self.constraints.items()),
        ]
        return (" ".join(filter(None, clauses)),)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP DOMAIN {qualified(self.schema, self.name)}",)
