"""Base classes for the bodies of requests and responses: `RequestBody`, `Patch` and `ResponseBody`.

    class NewUser(RequestBody): ...                   # refuses unknown fields
    class UserChange(Patch): name: fields.Title | None = None
    class User(ResponseBody): id: uuid.UUID                  # User.model_validate(row)

Invariant: an unknown field is an error. If it were ignored, a misspelt field would look as if it had been changed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Patch", "RequestBody", "ResponseBody"]


class RequestBody(BaseModel):
    """The body of a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Patch(RequestBody):
    """A change. A field that is missing or null stays as it is; null erases an `erasable` field."""

    erasable: ClassVar[frozenset[str]] = frozenset()

    def changes(self) -> dict[str, Any]:
        """Return the new values by field."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name in self.erasable}


class ResponseBody(BaseModel):
    """The body of a response, read from the attributes of a row."""

    model_config = ConfigDict(from_attributes=True)
