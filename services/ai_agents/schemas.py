"""Bodies of requests and responses. Requests have fields for secrets, responses do not."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator

from tenantry.fastapi import RequestBody, ResponseBody, fields

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

TicketID = Annotated[fields.Text, Field(min_length=1, max_length=100)]
LongText = Annotated[fields.Text, Field(max_length=LONGEST_OUTPUT)]
APIKey = Annotated[SecretStr, Field(min_length=1, max_length=1000), AfterValidator(fields.check_encodable)]
SigningSecret = Annotated[SecretStr, Field(min_length=16, max_length=1000), AfterValidator(fields.check_encodable)]


class Preferences(BaseModel):
    """Preferences of a tenant. The API checks the known keys and keeps unknown ones for future features."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    llm_model: str | None = Field(default=None, min_length=1, max_length=100, examples=["gpt-4o-mini"])
    max_context_length: int | None = Field(default=None, ge=1, le=1_000_000, examples=[500])

    @model_validator(mode="after")
    def _check_extra(self) -> Self:
        # The iteration yields values as they are; serializing a deep one would fail.
        fields.check_object(dict(self))
        return self


class TenantSettings(RequestBody):
    """The configuration of a tenant. A missing secret keeps its value; a new tenant needs both secrets."""

    name: fields.Text = Field(min_length=1, max_length=255)
    servicedesk_url: fields.WebAddress = Field(examples=["https://desk.example.com/api/v3/"])
    servicedesk_api_key: APIKey | None = None
    webhook_signing_secret: SigningSecret | None = None
    enhancement_preferences: Preferences = Field(default_factory=Preferences)

    def columns(self) -> dict[str, Any]:
        """Return the values by mapped attribute, without the secrets that were not sent."""
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


class Tenant(ResponseBody):
    """A tenant, without its secrets."""

    id: uuid.UUID
    tenant_id: str
    name: str
    servicedesk_url: str
    enhancement_preferences: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class EnhancementRequest(RequestBody):
    """A request to enhance a ticket."""

    ticket_id: TicketID
    context_gathered: fields.JSONObject | None = None


class EnhancementOutcome(RequestBody):
    """The result of a pending enhancement."""

    status: Literal["completed", "failed"]
    llm_output: LongText | None = None
    error_message: LongText | None = None
    context_gathered: fields.JSONObject | None = None
    processing_time_ms: fields.Count | None = None


class Enhancement(ResponseBody):
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
    """A ticket, as a service desk sends it. Further fields are ignored.

    The id of the delivery is a field of the body, because only the body is signed. As a header it could be changed, and
    a recorded request could be sent again.
    """

    delivery_id: fields.Text = Field(min_length=1, max_length=200, description="Unique for each delivery.")
    ticket_id: TicketID
    context: fields.JSONObject | None = None


class WebhookReceipt(BaseModel):
    """The pending enhancement that a webhook created."""

    id: uuid.UUID
    status: Literal["pending"] = "pending"
