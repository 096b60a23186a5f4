"""What an API takes and gives, as pydantic models: a body, a change, and what is shown of a row.

    class NewUser(Body): ...                          # a name that the service does not know is refused
    class UserChange(Patch): name: Title | None = None
    class User(Shape): id: uuid.UUID                  # User.model_validate(row)

Invariant: what a client writes and the service does not know is never passed over in silence: a misspelt field would
look as if it had been changed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Body", "Patch", "Shape"]


class Body(BaseModel):
    """What a request may say, and no more."""

    model_config = ConfigDict(extra="forbid")


class Patch(Body):
    """A change: what is left out stays, and so does what is null, unless it is among the `erasable` fields."""

    erasable: ClassVar[frozenset[str]] = frozenset()

    def changes(self) -> dict[str, Any]:
        """Return the values to write, by field."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name in self.erasable}


class Shape(BaseModel):
    """What is shown of a row; read from its attributes."""

    model_config = ConfigDict(from_attributes=True)
