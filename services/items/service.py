"""The declaration of the Items service, for the command line, the application and the tests."""

from __future__ import annotations

from pathlib import Path

from items.models import Base
from items.settings import Settings
from tenantry import Roles, Service

__all__ = ["service"]

service = Service(
    name="items",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="items.app:app",
    roles=Roles(owner="items_owner", application="items_app", admin="items_admin"),
    demo="items.demo:seed",
)
