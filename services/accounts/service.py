"""The declaration of the Accounts service, for the command line, the application and the tests."""

from __future__ import annotations

from accounts.models import Base
from accounts.settings import Settings
from tenantry import Service

__all__ = ["service"]

service = Service(
    name="accounts",
    title="Accounts",
    base=Base,
    settings=Settings,
    demo="accounts.demo:seed",
)
