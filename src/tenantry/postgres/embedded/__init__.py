"""A real PostgreSQL in the project's folder, which the first process that needs it starts.

The invariants: one data directory has one server, even if many processes ask at once. The server stops when the last
lease ends, also by `kill -9`. After the kill of any process, the next lease starts the server and finds the data.

`server` is the public module. A `lease` is a shared lock (`lock`) on a file of the `layout`. The process that finds no
server prepares the data (`data_directory`, `configuration`), creates a `socket_folder`, and uses `launch` to start the
`supervisor`. The supervisor is a separate process that runs PostgreSQL and stops it with the last lease. If root starts
it, PostgreSQL runs as another user (`account`), from programs that this user can read (`readable`).
"""

from __future__ import annotations

from tenantry.postgres.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
