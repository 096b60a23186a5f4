"""Alembic's configuration of a service, and its folder of revisions.

A service needs only `migrations/versions/`, because this package has the environment and the template of revisions. If
a service has its own `alembic.ini` and `migrations/env.py`, these are used, so that plain `alembic` works in its
folder.
"""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tenantry.service import Service

__all__ = ["head_revision", "make_config", "script_directory"]

_OURS = Path(__file__).parent / "script_directory"


def make_config(service: Service) -> Config:
    """Return Alembic's configuration of a service."""
    ini = service.migrations.parent / "alembic.ini"
    config = Config(str(ini)) if ini.is_file() else Config()
    has_environment = (service.migrations / "env.py").is_file()
    _set(config, "script_location", service.migrations if has_environment else _OURS)
    _set(config, "version_locations", service.migrations / "versions")
    config.set_main_option("path_separator", "os")
    if not config.get_main_option("file_template"):
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["service"] = service
    return config


def script_directory(service: Service) -> ScriptDirectory:
    """Return the service's revisions, without a connection to its database."""
    return ScriptDirectory.from_config(make_config(service))


def head_revision(service: Service) -> str | None:
    """Return the newest revision of this build, without a connection; None if the service has no revision yet.

    Raises:
        CommandError: there are several heads.
    """
    return script_directory(service).get_current_head()


def _set(config: Config, option: str, path: Path) -> None:
    config.set_main_option(option, str(path).replace("%", "%%"))
