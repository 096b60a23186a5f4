"""The declaration of the AI Agents service, for the command line, the application and the tests."""

from __future__ import annotations

from ai_agents.models import Base
from ai_agents.settings import Settings
from tenantry import Roles, Service

__all__ = ["service"]

service = Service(
    name="ai_agents",
    title="AI Agents",
    base=Base,
    settings=Settings,
    roles=Roles(owner="ai_agents_owner", application="app_user", admin="admin"),
    demo="ai_agents.demo:seed",
)
