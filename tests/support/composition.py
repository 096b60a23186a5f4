"""What `compose.yaml` says of a service's server."""

from __future__ import annotations

from typing import Any

import yaml
from documents import ROOT

CONTAINERS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


def check_server(name: str, *, image: str, database: str) -> None:
    """Make sure that a container is a PostgreSQL that keeps its rows, and that nobody connects before it is healthy."""
    server = CONTAINERS[name]
    assert server["image"].endswith(image)
    assert server["environment"]["POSTGRES_DB"] == database
    assert "pg_isready" in server["healthcheck"]["test"][1]
    (volume,) = server["volumes"]
    assert volume.endswith(":/var/lib/postgresql/data")
    waiting = [one["depends_on"][name] for one in CONTAINERS.values() if name in one.get("depends_on", ())]
    assert waiting == [{"condition": "service_healthy"}]


def check_chain(serves: str, server: str) -> None:
    """Make sure that what serves begins after what migrates, which begins after the server."""
    (migrates,) = CONTAINERS[serves]["depends_on"]
    assert CONTAINERS[serves]["depends_on"][migrates] == {"condition": "service_completed_successfully"}
    assert list(CONTAINERS[migrates]["depends_on"]) == [server]
