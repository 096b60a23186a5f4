"""The variable that an address was read from, so that an error names the variable to correct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry import errors

EXAMPLE = "postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True)
class Origin:
    """The variable that holds an address.

    `names` maps a keyword to its own variable (`{"host": "DB_HOST"}`). `fields` maps a keyword to its name in a JSON
    document (`{"user": "username"}`). `hint` is the remedy for a missing keyword; empty means "set the variable".
    """

    variable: str
    names: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    hint: str = f"Write it as {EXAMPLE}."

    def error(self, problem: str, keyword: str = "", *, remedy: str = "") -> errors.ConfigurationError:
        """Return the error that the variable, or a keyword in it, has a problem.

        `problem` must not repeat a value. Without a `remedy`, the error says which variable to set.
        """
        variable = self.names.get(keyword, self.variable)
        name = self.fields.get(keyword, keyword) if keyword not in self.names else ""
        part = f": {name}" if name else ""
        remedy = remedy or (f"Correct {name} in {variable}." if name else f"Set {variable} to a valid value.")
        return errors.ConfigurationError(f"{variable}{part} {problem}.", variable=variable, remedy=remedy)
