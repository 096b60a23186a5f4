"""A real PostgreSQL inside the project's own folder, started by whoever needs it first.

The invariants: one server for one data folder, however many ask at once; it stops when the last lease goes, also when
that is by `kill -9`; whatever is killed, the next lease starts cleanly and finds the data.

How the parts meet: `server` is the face. A `lease` is a shared lock (`lock`) on a file of the `layout`. Whoever finds
no server prepares the data (`data_directory`, `configuration`), makes a `socket_folder` and has a `launch` start the
`supervisor`, a process of its own that runs PostgreSQL and stops it with the last lease. Started by root, PostgreSQL
runs under another `account`, from `readable` programs.
"""

from __future__ import annotations

from tenantry.postgres.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
