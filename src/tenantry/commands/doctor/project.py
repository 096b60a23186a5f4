"""Checks of a project on this machine, each with a remedy.

The checks start and change nothing. A check that depends on a failed check is left out, so that each cause is reported
once.
"""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Sequence

from tenantry import errors
from tenantry.commands.doctor.database import DatabaseAnswers, ask_database, check_connections, check_database
from tenantry.commands.doctor.verdict import Verdict, failed
from tenantry.deployment import Deployment
from tenantry.deployment.development import FILE_NAME, is_embedded, load_settings
from tenantry.postgres.binaries import find_binaries
from tenantry.project import Project
from tenantry.service import Service, load_services
from tenantry.tenancy.encrypted_text import EncryptedText

__all__ = ["check_up"]

OLDEST_PYTHON = (3, 11)


async def check_up(project: Project, names: Sequence[str] = ()) -> AsyncIterator[Verdict]:
    """Yield the verdict of each check: the machine, the project, then each service and its database."""
    yield _check_python()
    try:
        services = load_services(project, names)
    except errors.TenantryError as error:
        yield failed("services", None, error)
        return
    yield Verdict("services", None, "ok", ", ".join(service.name for service in services))
    for verdict in _check_embedded(project, services):
        yield verdict
    answers: list[DatabaseAnswers] = []
    for service in services:
        async for verdict in _check_service(service, project, answers):
            yield verdict
    for verdict in check_connections(answers):
        yield verdict


async def _check_service(service: Service, project: Project, answers: list[DatabaseAnswers]) -> AsyncIterator[Verdict]:
    models = _check_models(service)
    yield models
    if models.status == "fail":
        return
    try:
        deployment = Deployment(service, load_settings(service, project, makes_secrets=False))
    except errors.TenantryError as error:
        yield failed("settings", service.name, error)
        return
    for verdict in _check_settings(deployment):
        yield verdict
    try:
        if deployment.server is not None and not deployment.server.status().running:
            message, remedy = "The embedded server is not running.", "Start it with: tenantry up"
            yield Verdict("address", service.name, "warn", message, remedy)
            return
        answer = await ask_database(deployment)
    except errors.TenantryError as error:
        yield failed("address", service.name, error)
        return
    answers.append(answer)
    for verdict in check_database(answer):
        yield verdict


def _check_python() -> Verdict:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Verdict("python", None, "fail", f"Python {version} is too old.", "Install Python 3.11 or newer.")
    return Verdict("python", None, "ok", f"Python {version}")


def _check_embedded(project: Project, services: Sequence[Service]) -> Iterator[Verdict]:
    """Check the programs and the folder of the embedded server, if a service uses it."""
    try:
        if not any(is_embedded(service) for service in services):
            return
        binaries = find_binaries(project.postgres_spec)
        binaries.path("psql")
    except errors.ConfigurationError:
        # The verdict on the service's settings names the variable.
        return
    except errors.TenantryError as error:
        yield failed("binaries", None, error)
        return
    yield Verdict("binaries", None, "ok", f"PostgreSQL {binaries.version} ({binaries.kind})")
    folder = next(place for place in (project.home, *project.home.parents) if place.exists())
    if not os.access(folder, os.W_OK):
        message = (
            f"This user may not write to {folder}, so the embedded server cannot store its data in {project.home}."
        )
        yield Verdict("home", None, "fail", message, "Set TENANTRY_HOME to a writable folder.")
    secrets = project.home / FILE_NAME
    if secrets.is_file() and stat.S_IMODE(secrets.stat().st_mode) & 0o077:
        message = f"Other users can read the development secrets in {secrets}."
        yield Verdict("home", None, "warn", message, f"Run: chmod 600 {secrets}")


def _check_models(service: Service) -> Verdict:
    try:
        service.check_models()
    except errors.TenantryError as error:
        return failed("models", service.name, error)
    return Verdict("models", service.name, "ok", f"{len(service.metadata.tables)} tables; each declares its tenancy.")


def _check_settings(deployment: Deployment) -> Iterator[Verdict]:
    service, settings = deployment.service, deployment.settings
    place = "the embedded server" if deployment.is_embedded else "a configured address"
    yield Verdict("settings", service.name, "ok", f"{settings.environment}, on {place}")
    for one in settings.unknown_variables:
        # A similar name is a mistake; any other may belong to another program.
        yield Verdict("variables", service.name, "fail" if one.is_misspelled else "warn", one.message, one.remedy)
    columns = (column for table in service.metadata.tables.values() for column in table.columns)
    try:
        has_keys = settings.key_ring() is not None
    except errors.TenantryError as error:
        yield failed("keys", service.name, error)
        return
    if any(isinstance(column.type, EncryptedText) for column in columns) and not has_keys:
        variable = settings.variable("encryption_keys")
        if deployment.is_embedded:
            remedy = "Run: tenantry prepare (it generates a key for the embedded server)"
            yield Verdict("keys", service.name, "warn", f"{variable} is not set, but columns are encrypted.", remedy)
        else:
            remedy = f"Set {variable} to `k1:` and the output of `openssl rand -base64 32`."
            yield Verdict("keys", service.name, "fail", f"{variable} is not set, but columns are encrypted.", remedy)
