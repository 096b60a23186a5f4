"""`tenantry down`: stops the embedded server."""

from __future__ import annotations

import click

from tenantry.cli.options import json_option
from tenantry.cli.output import write, write_json

__all__ = ["down"]


@click.command()
@json_option
def down(as_json: bool) -> None:
    """Stop the embedded PostgreSQL, even if another process uses it. Its data are kept."""
    from tenantry.commands.status import server_state
    from tenantry.deployment.deployment import embedded_server

    server = embedded_server()
    was_running = server.status().running
    server.stop()
    if as_json:
        write_json({"stopped": was_running, "server": server_state(server.status())})
    else:
        write("The embedded PostgreSQL is stopped." if was_running else "The embedded PostgreSQL was not running.")
