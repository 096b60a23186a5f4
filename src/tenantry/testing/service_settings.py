"""The settings of the service under test: the address of a scratch database, and made-up secrets.

The invariant: tests never reach a database that the developer's environment names, whichever variable names it. The
service's other variables apply, a `.env` file does not, and the fields of the user's fixture come first.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.endpoint import Purpose
from tenantry.service import Service
from tenantry.settings import DatabaseSettings

__all__ = ["make_settings"]

# All other fields that give an address.
ELSEWHERE = (
    "database_secret",
    "database_url_file",
    "db_host",
    "db_name",
    "db_user",
    "db_password",
    "database_sslmode",
    "database_sslrootcert",
)
URLS: Mapping[Purpose, str] = {
    "application": "database_url",
    "migration": "migration_database_url",
    "admin": "admin_database_url",
}
# Secrets that a service can omit, each with the field that replaces it.
OPTIONAL_SECRETS = {
    "encryption_keys": "encryption_key_file",
    "context_keys": "context_key_file",
    "jwt_secret": "jwt_jwks_url",
}


def make_settings(
    service: Service, addresses: Mapping[Purpose, Address], overrides: Mapping[str, Any], *, secret: str
) -> DatabaseSettings:
    """Return the service's settings for a scratch database. Made-up values are derived from the run's `secret`.

    Raises:
        ConfigurationError: a field is missing or invalid.
    """
    values: dict[str, Any] = dict.fromkeys(ELSEWHERE)
    values |= {URLS[purpose]: address.url for purpose, address in addresses.items()}
    values |= {field: _make_up(field, secret) for field in _missing_secrets(service.settings, overrides)}
    try:
        return service.settings(_env_file=None, **{"environment": "test", **values, **overrides})  # type: ignore[call-arg]  # pydantic-settings hides its own arguments.
    except ValidationError as error:
        raise errors.ConfigurationError(
            f"The settings of {service.name} cannot be made for a test.",
            why="; ".join(_faults(service.settings, error)) + ".",
            remedy="Override the fixture `tenantry_settings_overrides`, and return the fields from it.",
        ) from None


def _missing_secrets(settings: type[DatabaseSettings], overrides: Mapping[str, Any]) -> Iterator[str]:
    """Yield the secrets that neither the environment nor the user's fixture has."""
    given = {name.upper() for name, value in os.environ.items() if value.strip()}
    given |= {settings.variable(field) for field in overrides if field in settings.model_fields}
    for name, field in settings.model_fields.items():
        is_secret = name in OPTIONAL_SECRETS or (field.is_required() and field.annotation is SecretStr)
        places = [one for one in (name, OPTIONAL_SECRETS.get(name)) if one in settings.model_fields]
        if is_secret and not any(settings.variable(place) in given for place in places):
            yield name


def _make_up(field: str, secret: str) -> str:
    """Return the same value in every process of a run: a template may hold rows that another worker encrypted."""
    made = hashlib.sha256(f"{secret} {field}".encode())
    return f"test:{base64.b64encode(made.digest()).decode()}" if field.endswith("_keys") else made.hexdigest()


def _faults(settings: type[DatabaseSettings], error: ValidationError) -> Iterator[str]:
    """Yield each invalid variable and its fault, without its value."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(detail["loc"][0]) if detail["loc"] else ""
        place = settings.variable(field) if field in settings.model_fields else settings.__name__
        yield f"{place}: {detail['msg']}"
