"""`tenantry token`, which asks no server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine

pytestmark = pytest.mark.one_version

SECRET = "a-secret-of-at-least-thirty-two-bytes"
SETTINGS: dict[str, Any] = {"AI_AGENTS_JWT_SECRET": SECRET, "AI_AGENTS_DATABASE_URL": "postgresql://app@db.example/ai"}


def test_a_token_says_what_was_asked_for(command_line: CommandLine) -> None:
    options = ("--tenant", "acme", "--subject", "ada", "--scope", "admin", "--scope", "read", "--minutes", "5")
    document = command_line.json("token", *options, **SETTINGS, AI_AGENTS_ENVIRONMENT="development")
    assert {**document, "token": ""} == {"service": "ai_agents", "tenant": "acme", "subject": "ada", "token": ""}
    claims = jwt.decode(document["token"], SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["scope"]) == ("ada", "admin read")
    assert "acme" in claims.values()
    assert 290 <= claims["exp"] - claims["iat"] <= 300


def test_without_json_the_token_alone_is_on_stdout(command_line: CommandLine) -> None:
    done = command_line.run("token", "--tenant", "acme", **SETTINGS, AI_AGENTS_ENVIRONMENT="test")
    assert jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])["sub"] == "developer"


def test_in_production_no_token_is_issued_and_the_remedy_works(command_line: CommandLine) -> None:
    document = command_line.json("token", "--tenant", "acme", status=1, **SETTINGS)
    assert "production" in document["error"]["what"]
    assert "AI_AGENTS_ENVIRONMENT=development" in document["error"]["remedy"]
    command_line.json("token", "--tenant", "acme", **SETTINGS, AI_AGENTS_ENVIRONMENT="development")


def test_a_service_without_tokens_says_so(command_line: CommandLine) -> None:
    document = command_line.json("token", "--service", "items", status=1)
    assert "TokenSettings" in document["error"]["remedy"]
