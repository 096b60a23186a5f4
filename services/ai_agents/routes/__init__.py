"""The API: tenants, enhancements, and the webhook of the service desks."""

from ai_agents.routes.enhancements import router as enhancements
from ai_agents.routes.tenants import router as tenants
from ai_agents.routes.webhooks import router as webhooks

__all__ = ["enhancements", "tenants", "webhooks"]
