"""What the API takes and gives. A secret has a field on the way in, and none on the way out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator

from tenantry.fastapi.fields import Count, JSONObject, Text, WebAddress, check_object
from tenantry.fastapi.shapes import Body, Shape

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

LONGEST_OUTPUT = 256 * 1024

TicketID = Annotated[Text, Field(min_length=1, max_length=100)]
LongText = Annotated[Text, Field(max_length=LONGEST_OUTPUT)]


class Preferences(BaseModel):
    """What a tenant prefers. The known keys are checked; others are kept as they are, for features yet to come."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    llm_model: str | None = Field(default=None, min_length=1, max_length=100, examples=["gpt-4o-mini"])
    max_context_length: int | None = Field(default=None, ge=1, le=1_000_000, examples=[500])

    @model_validator(mode="after")
    def _check_extra(self) -> Self:
        check_object(self.model_dump())
        return self


class TenantSettings(Body):
    """A tenant as it should be. A secret that is left out stays what it was; a new tenant must bring both."""

    name: Text = Field(min_length=1, max_length=255)
    servicedesk_url: WebAddress = Field(examples=["https://desk.example.com/api/v3/"])
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


class Tenant(Shape):
    """A tenant, without its secrets."""

    id: uuid.UUID
    tenant_id: str
    name: str
    servicedesk_url: str
    enhancement_preferences: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class EnhancementRequest(Body):
    """A ticket that wants an enhancement."""

    ticket_id: TicketID
    context_gathered: JSONObject | None = None


class EnhancementOutcome(Body):
    """How a pending enhancement ended."""

    status: Literal["completed", "failed"]
    llm_output: LongText | None = None
    error_message: LongText | None = None
    context_gathered: JSONObject | None = None
    processing_time_ms: Count | None = None


class Enhancement(Shape):
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

    delivery_id: Text = Field(min_length=1, max_length=200, description="One for each delivery.")
    ticket_id: TicketID
    context: JSONObject | None = None


class WebhookReceipt(BaseModel):
    """What a webhook made: a pending enhancement."""

    id: uuid.UUID
    status: Literal["pending"] = "pending"
