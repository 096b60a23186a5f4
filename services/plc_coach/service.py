"""The declaration of the PLC Coach service, for the command line, the application and the tests."""

from __future__ import annotations

from pathlib import Path

from plc_coach.models import Base
from plc_coach.settings import Settings
from tenantry import Roles, Service

__all__ = ["service"]

service = Service(
    name="plc_coach",
    title="PLC Coach",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="plc_coach.app:app",
    roles=Roles(owner="plc_coach_owner", application="plc_coach_app", admin="plc_coach_admin"),
    extensions=("vector",),
    demo="plc_coach.demo:seed",
)
