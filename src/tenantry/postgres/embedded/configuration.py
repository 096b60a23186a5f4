"""The server's settings, in a file of ours that the data directory's `postgresql.conf` includes.

Ours is written at every start; `postgresql.conf` only once, so that what a user adds below the include wins and stays.
Nothing is given on the command line, because a setting from there would contradict the file on every reload.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["render_settings", "write_include"]

OURS = "tenantry.conf"

INCLUDE = f"""\
# Tenantry writes {OURS} at every start. What stands below this line is yours, and wins.
include '{OURS}'
"""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # Any other kind leaks a megabyte of shared memory with each server that is killed.
    "dynamic_shared_memory_type": "mmap",
    # The small segments that the template is made with would otherwise mean a checkpoint every 64 MB.
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.english",
}

# Data that nobody wants after the run: a crash of the machine may lose all of it. They may lie in memory, where a
# runaway sort would take the machine down with it.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "temp_file_limit": "1GB"}


def render_settings(socket_folder: Path, *, durable: bool) -> str:
    """Return the text of the file for one run of the server."""
    # The setting is a list of folders; double quotes keep a comma or a space inside one of them (manual, 20.3.1).
    folder = '"' + str(socket_folder).replace('"', '""') + '"'
    settings = SETTINGS | {"unix_socket_directories": folder} | ({} if durable else FLEETING)
    return "".join(f"{name} = {_quote(value)}\n" for name, value in settings.items())


def write_include(data: Path) -> None:
    """Put our include in the place of what `initdb` wrote, which guesses from the machine it runs on."""
    (data / "postgresql.conf").write_text(INCLUDE, encoding="utf-8")


def _quote(value: str) -> str:
    """Quote a value as the configuration file's grammar wants it (manual, 20.1.2)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
