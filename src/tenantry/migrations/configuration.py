"""Alembic's configuration of a service, and its folder of revisions.

A service needs only `migrations/versions/`, because this package has the environment and the template of revisions. If
a service has its own `alembic.ini` and `migrations/env.py`, these are used, so that plain `alembic` works in its
folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tenantry.migrations.folder import only_head, open_folder
from tenantry.service import Service

__all__ = ["head_revision", "make_config", "provide_template", "script_directory"]

TEMPLATE = "script.py.mako"
SCRIPT_DIRECTORY = Path(__file__).parent / "script_directory"


def make_config(service: Service) -> Config:
    """Return Alembic's configuration of a service."""
    ini = service.migrations.parent / "alembic.ini"
    config = Config(str(ini)) if ini.is_file() else Config()
    has_environment = (service.migrations / "env.py").is_file()
    _set(config, "script_location", service.migrations if has_environment else SCRIPT_DIRECTORY)
    _set(config, "version_locations", service.migrations / "versions")
    config.set_main_option("path_separator", "os")
    if not config.get_main_option("file_template"):
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["service"] = service
    return config


def script_directory(service: Service) -> ScriptDirectory:
    """Return the service's revisions, without a connection to its database.

    Raises:
        RevisionsInvalid: the files do not form one history.
    """
    return open_folder(service, make_config(service))


def head_revision(service: Service) -> str | None:
    """Return the newest revision of this build, without a connection; None if the service has no revision yet.

    Raises:
        SeveralHeads: there are several.
        RevisionsInvalid: the files do not form one history.
    """
    return only_head(service, script_directory(service))


def provide_template(directory: ScriptDirectory) -> None:
    """Copy the template of revisions into a folder that has an environment and no template."""
    place = Path(directory.dir) / TEMPLATE
    if not place.is_file():
        shutil.copyfile(SCRIPT_DIRECTORY / TEMPLATE, place)


def _set(config: Config, option: str, path: Path) -> None:
    config.set_main_option(option, str(path).replace("%", "%%"))
