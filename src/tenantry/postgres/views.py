"""Views. A replacement drops and creates a view, because CREATE OR REPLACE VIEW can only add columns at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenantry.postgres.database_object import DatabaseObject
from tenantry.sql import qualified

__all__ = ["View"]


@dataclass(frozen=True, slots=True)
class View(DatabaseObject):
    """A view. By default it reads with the rights of its caller, so that the policies of its tables apply.

    `options` are further parameters in the words of the catalog, such as `check_option=local`.
    """

    name: str
    query: str
    security_invoker: bool = True
    schema: str = "public"
    options: tuple[str, ...] = ()

    noun: ClassVar[str] = "view"
    # With functions, because each of the two kinds may use the other; `in_order` sorts them by what they mention.
    rank: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", self.query.strip().rstrip(";").rstrip())
        object.__setattr__(self, "options", tuple(sorted(set(self.options))))

    def _names(self) -> tuple[str, ...]:
        return (self.schema, self.name)

    def _create(self) -> tuple[str, ...]:
        options = (*(("security_invoker=true",) if self.security_invoker else ()), *self.options)
        parameters = f" WITH ({', '.join(options)})" if options else ""
        return (f"CREATE VIEW {qualified(self.schema, self.name)}{parameters} AS {self.query}",)

    def _drop(self) -> tuple[str, ...]:
        return (f"DROP VIEW {qualified(self.schema, self.name)}",)
