"""The declaration of the Items service, for the command line, the application and the tests."""

from __future__ import annotations

from items.models import Base
from items.settings import Settings
from tenantry import Service

__all__ = ["service"]

service = Service(
    name="items",
    base=Base,
    settings=Settings,
    demo="items.demo:seed",
)
