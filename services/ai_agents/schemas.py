"""What the API takes and gives. A secret has a field on the way in, and none on the way out."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    JsonValue,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

__all__ = [
    "Enhancement",
    "EnhancementOutcome",
    "EnhancementRequest",
    "Preferences",
    "Tenant",
    "TenantSettings",
    "WebhookReceipt",
    "WebhookTicket",
]

Status = Literal["pending", "completed", "failed"]

LONGEST_URL = 500
LONGEST_JSON = 64 * 1024
LONGEST_OUTPUT = 256 * 1024
LARGEST_INTEGER = 2**31 - 1

_URL = TypeAdapter(HttpUrl)


def _check_url(value: str) -> str:
    """Return the URL as it will be called. A password in it would come back out of the API."""
    try:
        url = _URL.validate_python(value)
    except ValidationError as error:
        # Its own text repeats the value.
        raise ValueError("It is not an http or https URL.") from error
    if url.username is not None or url.password is not None:
        raise ValueError("A URL with a user or a password is refused; the API key has its own field.")
    if len(str(url)) > LONGEST_URL:
        raise ValueError(f"The URL is longer than {LONGEST_URL} characters.")
    return str(url)


def _check_size(value: dict[str, Any]) -> dict[str, Any]:
    """Bound what stands in a JSON column, where the database itself has no bound."""
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except ValueError as error:
        raise ValueError("NaN, Infinity and halves of surrogate pairs are refused.") from error
    if size > LONGEST_JSON:
        raise ValueError(f"The object is larger than {LONGEST_JSON} bytes.")
    return value


# PostgreSQL's text holds every character but NUL.
_TEXT = r"^[^\x00]*$"
TicketID = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_TEXT)]
LongText = Annotated[str, StringConstraints(max_length=LONGEST_OUTPUT, pattern=_TEXT)]
JSONObject = Annotated[dict[str, JsonValue], AfterValidator(_check_size)]


class Preferences(BaseModel):
    """What a tenant prefers. The known keys are checked; others are kept as they are, for features yet to come."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    llm_model: str | None = Field(default=None, min_length=1, max_length=100, examples=["gpt-4o-mini"])
    max_context_length: int | None = Field(default=None, ge=1, le=1_000_000, examples=[500])

    @model_validator(mode="after")
    def _check_extra(self) -> Self:
        _check_size(self.model_dump())
        return self


class TenantSettings(BaseModel):
    """A tenant as it should be. A secret that is left out stays what it was; a new tenant must bring both."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255, pattern=_TEXT)
    servicedesk_url: Annotated[str, AfterValidator(_check_url)] = Field(
        max_length=LONGEST_URL, json_schema_extra={"format": "uri"}, examples=["https://desk.example.com/api/v3/"]
    )
    servicedesk_api_key: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    webhook_signing_secret: SecretStr | None = Field(default=None, min_length=16, max_length=1000)
    enhancement_preferences: Preferences = Field(default_factory=Preferences)

    def columns(self) -> dict[str, Any]:
        """Return the values by mapped attribute; a secret that was not sent has none."""
        columns: dict[str, Any] = {
            "name": self.name,
            "servicedesk_url": self.servicedesk_url,
            "enhancement_preferences": self.enhancement_preferences.model_dump(mode="json", exclude_unset=True),
        }
        for name in ("servicedesk_api_key", "webhook_signing_secret"):
            secret: SecretStr | None = getattr(self, name)
            if secret is not None:
                columns[name] = secret.get_secret_value()
        return columns


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Tenant(_Row):
    """A tenant, without its secrets."""

    id: uuid.UUID
    tenant_id: str
    name: str
    servicedesk_url: str
    enhancement_preferences: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class EnhancementRequest(BaseModel):
    """A ticket that wants an enhancement."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: TicketID
    context_gathered: JSONObject | None = None


class EnhancementOutcome(BaseModel):
    """How a pending enhancement ended."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["completed", "failed"]
    llm_output: LongText | None = None
    error_message: LongText | None = None
    context_gathered: JSONObject | None = None
    processing_time_ms: int | None = Field(default=None, ge=0, le=LARGEST_INTEGER)


class Enhancement(_Row):
    """One enhancement of one ticket."""

    id: uuid.UUID
    ticket_id: str
    status: Status
    context_gathered: JsonValue
    llm_output: str | None
    error_message: str | None
    processing_time_ms: int | None
    created_at: datetime
    completed_at: datetime | None


class WebhookTicket(BaseModel):
    """What a service desk tells of a ticket; what else it sends is passed over.

    The delivery's id stands in the body, because only the body is signed: in a header, whoever recorded a request
    could send it again under another id.
    """

    delivery_id: str = Field(min_length=1, max_length=200, pattern=_TEXT, description="One for each delivery.")
    ticket_id: TicketID
    context: JSONObject | None = None


class WebhookReceipt(BaseModel):
    """What a webhook made: a pending enhancement."""

    id: uuid.UUID
    status: Literal["pending"] = "pending"
