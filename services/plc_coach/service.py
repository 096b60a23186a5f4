"""The declaration of the PLC Coach service, for the command line, the application and the tests."""

from __future__ import annotations

from plc_coach.models import Base
from plc_coach.settings import Settings
from tenantry import Service

__all__ = ["service"]

service = Service(
    name="plc_coach",
    title="PLC Coach",
    base=Base,
    settings=Settings,
    extensions=("vector",),
    demo="plc_coach.demo:seed",
)
