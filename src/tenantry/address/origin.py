"""Where a keyword of an address came from, so that an error names the variable somebody can change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry import errors

EXAMPLE = "postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True)
class Origin:
    """The variable that holds an address.

    `names` says which keywords have a variable of their own (`{"host": "DB_HOST"}`), `fields` what a keyword is called
    inside a document (`{"user": "username"}`), `hint` what to do when one is missing.
    """

    variable: str
    names: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    hint: str = f"write {EXAMPLE}"

    def error(self, problem: str, keyword: str = "") -> errors.ConfigurationError:
        """Return the error `<variable> <problem>.`; the problem must not repeat a value."""
        variable = self.names.get(keyword, self.variable)
        part = f": {self.fields.get(keyword, keyword)}" if keyword and keyword not in self.names else ""
        return errors.ConfigurationError(f"{variable}{part} {problem}.", variable=variable)
