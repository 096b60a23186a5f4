"""What the AI Agents tests share: settings of a test database, documents worth sending, and a look from outside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from pydantic import SecretStr

from ai_agents.models import TenantConfig
from ai_agents.settings import Settings
from ai_agents.signature import sign
from tenantry import Address, KeyRing

SECRETS = {"servicedesk_api_key": "api-key-in-the-clear", "webhook_signing_secret": "signing-secret-in-the-clear"}

# What a process of its own is told.
STATED = ("database_url", "migration_database_url", "admin_database_url", "encryption_keys", "jwt_secret")
START_DEADLINE = 30.0
OK = 200

# One ring for the run, so that two applications on one database understand each other.
KEYS = KeyRing.generate()


def settings_for(superuser: Address, **changes: Any) -> Settings:
    """Return settings of a database where each purpose logs in as a role of its own."""
    given = {
        "environment": "test",
        "database_url": superuser.replace(user="app_user").url,
        "migration_database_url": superuser.url,
        "admin_database_url": superuser.replace(user="admin").url,
        "encryption_keys": KEYS.text,
        "jwt_secret": "a-secret-of-more-than-thirty-two-characters",
    }
    return Settings(**{**given, **changes})


def tenant_row(tenant: str, **changes: Any) -> TenantConfig:
    """Return a configuration that is not in the database yet."""
    values = {"name": tenant.title(), "servicedesk_url": "https://desk.example/api/v3/", **SECRETS, **changes}
    return TenantConfig(tenant_id=tenant, **values)


def tenant_document(**changes: Any) -> dict[str, Any]:
    """Return the body that configures a tenant over the API."""
    return {"name": "Acme", "servicedesk_url": "https://desk.example/api/v3/", **SECRETS, **changes}


def signed(document: object, *, tenant: str = "acme", secret: str | None = None) -> dict[str, Any]:
    """Return the arguments of a request that `tenant` signed."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    key = SECRETS["webhook_signing_secret"] if secret is None else secret
    return {"content": body, "headers": {"X-Tenant-ID": tenant, "X-Signature": sign(body, key.encode())}}


@contextmanager
def serving(settings: Settings, **variables: str) -> Iterator[str]:
    """Run the service as an operator does, in a process of its own that knows its environment only; give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # A file and no pipe: nobody reads while the service runs, and a full pipe would stop it.
    with tempfile.TemporaryFile("w+") as log:
        process = start_service(settings, "--port", str(port), log=log.fileno(), **variables)
        try:
            deadline = time.monotonic() + START_DEADLINE
            while not _is_alive(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise AssertionError(log.read())
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def start_service(
    settings: Settings, *arguments: str, log: int = subprocess.PIPE, **variables: str
) -> subprocess.Popen[str]:
    """Start uvicorn on the service."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AI_AGENTS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "ai_agents.app:app", "--log-level", "warning", *arguments],
        env={**inherited, **variables_of(settings, **variables)},
        stdout=subprocess.DEVNULL,
        stderr=log,
        text=True,
    )


def variables_of(settings: Settings, **variables: str) -> dict[str, str]:
    """Return the environment that says what the settings say; a variable given as '' is not set."""
    stated: dict[str, SecretStr] = {name: getattr(settings, name) for name in STATED}
    given = {
        "AI_AGENTS_ENVIRONMENT": "test",
        "AI_AGENTS_DRAIN_GRACE": "0",
        **{f"AI_AGENTS_{name.upper()}": value.get_secret_value() for name, value in stated.items()},
        **variables,
    }
    return {name: value for name, value in given.items() if value}


def _is_alive(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/livez", timeout=1).status_code == OK
    except httpx2.TransportError:
        return False
