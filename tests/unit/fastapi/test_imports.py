from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "statement",
    [
        "from tenantry.fastapi import TokenSettings, WebSettings, fields, issue_token, note_tenant",
        "from tenantry import IdempotencyRecord",
        "import accounts.service",
        "import ai_agents.service, ai_agents.signature",
        "import items.service",
        "import plc_coach.service",
    ],
)
def test_settings_and_models_do_without_fastapi(statement: str) -> None:
    """A command that only reads a service's settings must not pay for a web framework."""
    program = f"import sys; {statement}; sys.exit(any(name in sys.modules for name in ('fastapi', 'starlette')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
