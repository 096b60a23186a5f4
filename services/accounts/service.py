"""The declaration of the Accounts service, for the command line, the application and the tests."""

from __future__ import annotations

from pathlib import Path

from accounts.models import Base
from accounts.settings import Settings
from tenantry import Roles, Service

__all__ = ["service"]

service = Service(
    name="accounts",
    title="Accounts",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="accounts.app:app",
    roles=Roles(owner="accounts_owner", application="accounts_app", admin="accounts_admin"),
    demo="accounts.demo:seed",
)
