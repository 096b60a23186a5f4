"""Development secrets: required secrets that are not configured, generated once for each project.

The invariant: they are used with the embedded server only. A service with a database address, or with
ENVIRONMENT=production, never gets one. So it cannot encrypt production data with a key from a working copy.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from tenantry.project import Project, make_home
from tenantry.secrets.keys import Keys
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.settings.base import find_env_file

__all__ = ["FILE_NAME", "is_embedded", "load_settings"]

FILE_NAME = "development.env"


def _make_secret() -> str:
    return secrets.token_hex(32)


def _make_keys() -> str:
    return Keys.generate("development").text.get_secret_value()


# Each secret field: the function that generates it, and the other field that can replace it.
_KINDS: Mapping[str, tuple[Callable[[], str], str]] = {
    "encryption_keys": (_make_keys, "encryption_key_file"),
    "context_keys": (_make_keys, "context_key_file"),
    "jwt_secret": (_make_secret, "jwt_jwks_url"),
}


def is_embedded(service: Service) -> bool:
    """Return whether the service's variables name no database, so that it runs on the embedded server."""
    # Read only the toolkit's fields: a required field of the service may still be missing.
    own = {name: getattr(service.settings, name) for name in ("model_config", "unprefixed", "default_parts")}
    own |= {"is_partial": True, "__module__": __name__}
    bare = type(service.settings.__name__, (DatabaseSettings,), own)
    return bare.load().source("application") is None  # type: ignore[attr-defined]


def load_settings(service: Service, project: Project, *, makes_secrets: bool = True) -> DatabaseSettings:
    """Return the service's settings; on the embedded server, development secrets fill in missing ones.

    The secrets are added to this process's environment, where the service's application finds them too. With
    `makes_secrets=False`, only existing secrets are used, and no secret is generated.

    Raises:
        ConfigurationError: a variable is missing or wrong.
    """
    given = _given()
    is_production = given.get(service.settings.variable("environment"), "").lower() == "production"
    if not is_production and is_embedded(service):
        os.environ.update(_secrets(service, project.home / FILE_NAME, given, makes=makes_secrets))
    return service.settings.load()


def _given() -> dict[str, str]:
    """Return the variables that are set, in the environment or in the `.env` file, by upper-case name."""
    path = find_env_file()
    file = dotenv_values(path) if path else {}
    return {name.upper(): value for name, value in {**file, **os.environ}.items() if value and value.strip()}


def _secrets(service: Service, path: Path, given: Mapping[str, str], *, makes: bool) -> dict[str, str]:
    wanted = dict(_wanted(service, given))
    if not wanted:
        return {}
    kept = dotenv_values(path) if path.is_file() else {}
    if makes and wanted.keys() - kept.keys():
        with _locked(path):
            # Another process may have generated them meanwhile.
            kept = dotenv_values(path) if path.is_file() else {}
            fresh = {name: make() for name, make in wanted.items() if name not in kept}
            _append(path, fresh)
            kept = {**kept, **fresh}
    return {name: value for name in wanted if (value := kept.get(name))}


def _wanted(service: Service, given: Mapping[str, str]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the variables of missing secrets, each with the function that generates it."""
    settings = service.settings
    for name, field in settings.model_fields.items():
        if name == "context_keys" and not service.signed_context:
            continue
        make, instead = _KINDS.get(name, (None, ""))
        if make is None and field.is_required() and field.annotation is SecretStr:
            make = _make_secret
        names = [settings.variable(one) for one in (name, instead) if one in settings.model_fields]
        if make is not None and not any(one in given for one in names):
            yield names[0], make


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    make_home(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _append(path: Path, values: Mapping[str, str]) -> None:
    """Add lines and replace the file by a rename, so that readers see the old or the new file. Its mode is 0600."""
    old = (
        path.read_text(encoding="utf-8")
        if path.is_file()
        else "# Made for this working copy; never use it elsewhere.\n"
    )
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(old + "".join(f"{name}={value}\n" for name, value in values.items()))
    temporary.replace(path)
