"""The server's settings, in the file `tenantry.conf`, which the data directory's `postgresql.conf` includes.

`tenantry.conf` is written at every start. `postgresql.conf` is written once, so that settings that a user adds below
the include take precedence and are kept. The command line has no settings, because they would override the file.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["render_settings", "write_include"]

OURS = "tenantry.conf"

INCLUDE = f"""\
# Tenantry writes {OURS} at every start. Add your settings below the include; they take precedence.
include '{OURS}'
"""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # Every other type leaks a megabyte of shared memory with each killed server.
    "dynamic_shared_memory_type": "mmap",
    # The template has small WAL segments, and the default would cause a checkpoint every 64 MB.
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.english",
}

# For data that are needed during one run only; a crash of the machine may lose them. They may be in memory, where a
# very large sort would use up the machine's memory.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "temp_file_limit": "1GB"}


def render_settings(socket_folder: Path, *, durable: bool) -> str:
    """Return the text of the file for one run of the server."""
    # The setting is a list of folders; double quotes keep a comma or a space inside one of them (manual, 20.3.1).
    folder = '"' + str(socket_folder).replace('"', '""') + '"'
    settings = SETTINGS | {"unix_socket_directories": folder} | ({} if durable else FLEETING)
    return "".join(f"{name} = {_quote(value)}\n" for name, value in settings.items())


def write_include(data: Path) -> None:
    """Replace the `postgresql.conf` of `initdb`, which depends on the machine, by the include."""
    (data / "postgresql.conf").write_text(INCLUDE, encoding="utf-8")


def _quote(value: str) -> str:
    """Quote a value for the configuration file (manual, 20.1.2)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
