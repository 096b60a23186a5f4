"""One way to break the full schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantry import Service

__all__ = ["Sabotage", "names_of"]


@dataclass(frozen=True)
class Sabotage:
    """Statements that a superuser sends to the healthy full schema, and what must be found then.

    Attributes:
        sql: statements with `;;` between them; `{app}`, `{owner}`, `{admin}`, `{extension}` and `{database}` stand for
            the names of the service. One that begins with SET LOCAL breaks the session that looks, and no other.
        rules: the names of the rules that must speak.
        object: what each of the findings must name, from its beginning.
        severity: what the findings must count as, where it matters.
        since: the first version of the server that knows the statements.
    """

    name: str
    sql: str
    rules: tuple[str, ...]
    object: str
    severity: str = ""
    since: int = 0

    def __str__(self) -> str:
        return self.name

    def statements(self, names: Mapping[str, str]) -> list[str]:
        """Return the statements for a service whose names are `names_of` it."""
        return self.sql.format(**names).split(";;")


def names_of(service: Service, database: str) -> dict[str, str]:
    """Return what stands for the names in a sabotage."""
    return {
        "app": service.roles.application,
        "owner": service.roles.owner,
        "admin": service.roles.admin,
        "extension": service.extensions[0],
        "database": database,
    }
