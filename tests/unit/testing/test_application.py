from __future__ import annotations

import dataclasses

import pytest

from ai_agents.app import app
from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.testing.application import configured_app


def make_settings() -> Settings:
    return Settings(_env_file=None)  # type: ignore[call-arg]


def test_the_service_behind_a_host_gets_the_settings_for_a_while() -> None:
    before = app.apps[0].state.deployment
    deployment = Deployment(service, make_settings())
    with configured_app(deployment) as configured:
        assert configured is app.apps[0]
        assert app.apps[0].state.deployment is deployment
    assert app.apps[0].state.deployment is before


def test_an_application_of_another_make_is_refused() -> None:
    """Its settings would come from the environment, and lead to another database."""
    other = dataclasses.replace(service, app="json:dumps")
    with (
        pytest.raises(errors.ConfigurationError, match="tenantry_app"),
        configured_app(Deployment(other, make_settings())),
    ):
        pass


def test_the_application_of_another_service_is_refused() -> None:
    other = dataclasses.replace(service, name="other")
    with (
        pytest.raises(errors.ConfigurationError, match="tenantry_app"),
        configured_app(Deployment(other, make_settings())),
    ):
        pass
