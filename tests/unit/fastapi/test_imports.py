from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "settings",
        "tokens",
        "signature",
        "sign_in_settings",
        "sessions",
        "assertion_record",
        "attempt_record",
        "embedding_record",
        "identity_record",
        "session_record",
        "share_record",
    ],
)
def test_what_settings_and_models_need_does_without_fastapi(module: str) -> None:
    """A command that only reads a service's settings must not pay for a web framework."""
    program = (
        f"import sys, tenantry.fastapi.{module}; "
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'starlette')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
