"""The commands one by one, against a server that an `up` keeps running."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.one_version

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine, Running

HEAD = max(Path(__file__).parents[3].glob("services/ai_agents/migrations/versions/0*.py")).name.partition("_")[0]


@pytest.fixture(scope="module", autouse=True)
def prepared(command_line: CommandLine, start_up: Callable[..., Running]) -> None:
    """Two processes prepare an empty home at once; each of them succeeds. Then one serves."""
    processes = [command_line.start("prepare", "--json") for _ in range(2)]
    for process in processes:
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        (service,) = json.loads(out)["services"]
        assert service["revision"] == HEAD
        assert service["findings"] == []
    start_up()


def test_status(command_line: CommandLine) -> None:
    standing = command_line.json("status")
    server, (service,) = standing["server"], standing["services"]
    assert server["running"] is True
    assert server["pid"] > 0
    assert service == {
        "name": "ai_agents",
        "database": "ai_agents",
        "revision": HEAD,
        "head": HEAD,
        "ready": True,
        "problem": None,
        "edited": [],
    }
    assert HEAD in command_line.run("status").stdout


def test_doctor_finds_nothing(command_line: CommandLine) -> None:
    checks = command_line.json("doctor")["checks"]
    assert {check["status"] for check in checks} == {"ok"}, checks
    assert {"python", "binaries", "settings", "address", "role", "schema", "connections"} <= {
        check["name"] for check in checks
    }


def test_doctor_names_the_variable_that_is_wrong(command_line: CommandLine) -> None:
    done = command_line.run("doctor", "--json", AI_AGENTS_DATABASE_URL="mysql://a-password@host/db")
    assert done.returncode == 1
    failed = [check for check in json.loads(done.stdout)["checks"] if check["status"] == "fail"]
    assert [check["name"] for check in failed] == ["settings"]
    assert "AI_AGENTS_DATABASE_URL" in failed[0]["message"]
    assert "a-password" not in done.stdout + done.stderr


def test_a_misspelled_variable_is_a_mistake_and_an_unknown_one_a_warning(command_line: CommandLine) -> None:
    given: dict[str, Any] = {"AI_AGENTS_DATABASE_POOL_SISE": "3", "AI_AGENTS_COLOUR": "red"}
    done = command_line.run("doctor", "--json", **given)
    found = {one["message"].split()[0]: one for one in json.loads(done.stdout)["checks"] if one["name"] == "variables"}
    assert {name: one["status"] for name, one in found.items()} == {
        "AI_AGENTS_COLOUR": "warn",
        "AI_AGENTS_DATABASE_POOL_SISE": "fail",
    }
    assert found["AI_AGENTS_DATABASE_POOL_SISE"]["remedy"] == "Did you mean AI_AGENTS_DATABASE_POOL_SIZE?"
    assert done.returncode == 1
    assert command_line.run("doctor", AI_AGENTS_COLOUR="red").returncode == 0
    status = command_line.run("status", **given)
    assert status.returncode == 0
    assert "Did you mean AI_AGENTS_DATABASE_POOL_SIZE?" in status.stderr
    assert len(command_line.json("status", **given)["warnings"]) == 2


def test_a_misspelled_address_never_selects_the_embedded_server(command_line: CommandLine) -> None:
    for command in ("doctor", "status", "prepare"):
        done = command_line.run(command, AI_AGENTS_DATABSE_URL="postgresql://u:a-password@host/db")
        assert done.returncode == 1
        assert "AI_AGENTS_DATABASE_URL instead" in done.stdout + done.stderr
        assert "a-password" not in done.stdout + done.stderr


def test_doctor_says_that_nobody_answers(command_line: CommandLine) -> None:
    url = "postgresql://app_user:a-password@127.0.0.1:1/ai_agents"
    done = command_line.run("doctor", "--json", AI_AGENTS_DATABASE_URL=url)
    assert done.returncode == 1
    failed = {check["name"]: check for check in json.loads(done.stdout)["checks"] if check["status"] == "fail"}
    assert set(failed) == {"address", "keys"}
    assert failed["address"]["remedy"]
    assert "a-password" not in done.stdout + done.stderr


def test_audit_is_clean_and_turns_red(command_line: CommandLine) -> None:
    """The same database is broken by hand, and mended with the remedy that the finding holds."""
    assert command_line.json("audit") == {"findings": [], "waived": []}
    broken = "ALTER TABLE enhancement_history NO FORCE ROW LEVEL SECURITY"
    assert command_line.run("psql", "--as", "owner", "--", "-c", broken).returncode == 0
    found = command_line.json("audit", status=1)["findings"]
    assert [(one["code"], one["severity"], one["object"]) for one in found] == [
        ("TN002", "error", "table public.enhancement_history")
    ]
    assert set(found[0]) == {"code", "severity", "service", "object", "message", "remedy"}
    assert command_line.run("psql", "--as", "owner", "--", "-c", found[0]["remedy"]).returncode == 0
    assert command_line.run("audit", "--fail-on", "warning").returncode == 0


def test_audit_looks_where_it_is_told(command_line: CommandLine) -> None:
    """--database-url is another database: here one in which nothing was migrated."""
    address = command_line.json("status")["server"]["address"]
    done = command_line.run("audit", "--json", "--database-url", address)
    assert done.returncode == 1
    codes = {one["code"] for one in json.loads(done.stdout)["findings"]}
    assert {"TN401", "TN501"} <= codes


@pytest.mark.parametrize(("role", "user"), [("app", "app_user"), ("owner", "ai_agents_owner"), ("admin", "admin")])
def test_psql_is_the_role_that_was_asked_for(command_line: CommandLine, role: str, user: str) -> None:
    done = command_line.run("psql", "--as", role, "--", "-Atc", "SELECT current_user")
    assert done.stdout.strip() == user


def test_psql_is_bound_to_a_tenant(command_line: CommandLine) -> None:
    count = ["-Atc", "SELECT count(*) FROM tenant_configs"]
    assert command_line.run("psql", "--tenant", "acme", "--", *count).stdout.strip() == "1"
    assert command_line.run("psql", "--", *count).stdout.strip() == "0"
    strange = command_line.run("psql", "--tenant", "a b\\c", "--", "-Atc", "SHOW app.current_tenant_id")
    assert strange.stdout == "a b\\c\n"


def test_psql_fails_as_its_statement_does(command_line: CommandLine) -> None:
    assert command_line.run("psql", "--", "-v", "ON_ERROR_STOP=1", "-c", "SELECT nonsense").returncode == 1
    where = command_line.json("psql", "--tenant", "acme")
    assert (where["role"], where["tenant"]) == ("app_user", "acme")


def test_a_tenant_is_made_listed_and_shown(command_line: CommandLine, tmp_path: Path) -> None:
    """Its secrets go in, from a file where they should not be seen, and never come out."""
    (tmp_path / "key").write_text("a-secret-key\n")
    row = ["--set", "name=Initech", "--set", "servicedesk_url=https://initech.example/"]
    row += ["--set", f"servicedesk_api_key_encrypted=@{tmp_path / 'key'}"]
    row += ["--set", "webhook_signing_secret_encrypted=@-", "--set", 'enhancement_preferences={"a": 1}']
    made = command_line.run("tenant", "create", "initech", *row, "--json", text="another-secret\n")
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert record["tenant"] == "initech"
    assert record["details"]["enhancement_preferences"] == {"a": 1}
    assert record["rows"] == {"enhancement_history": 0, "webhook_deliveries": 0}
    listed = command_line.json("tenant", "list")["tenants"]
    assert "initech" in [one["tenant"] for one in listed]
    shown = command_line.run("tenant", "show", "initech")
    assert "Initech" in shown.stdout
    stored = command_line.run(
        "psql", "--as", "admin", "--", "-Atc", "SELECT * FROM tenant_configs WHERE tenant_id = 'initech'"
    )
    assert "a-secret-key" not in stored.stdout + shown.stdout + made.stdout
    again = command_line.run("tenant", "create", "initech", *row, "--json", text="x")
    assert again.returncode == 1
    assert json.loads(again.stdout)["error"]["code"] == "tenancy"


def test_a_tenant_that_cannot_be_made_says_what_is_missing(command_line: CommandLine) -> None:
    done = command_line.run("tenant", "create", "nobody", "--set", "name=Nobody")
    assert done.returncode == 1
    assert "servicedesk_url" in done.stderr
    assert command_line.run("tenant", "show", "nobody").returncode == 1


def test_history_marks_where_the_database_is(command_line: CommandLine) -> None:
    revisions = command_line.json("history")["revisions"]
    assert [one["revision"] for one in revisions if one["is_current"]] == [HEAD]
    assert revisions[0]["down_revision"] is None
    assert all(one["message"] for one in revisions)


def test_a_rollback_is_undone_by_a_migration(command_line: CommandLine) -> None:
    (back,) = command_line.json("rollback", "--yes")["services"]
    assert back["previous"] == HEAD
    assert back["revision"] != HEAD
    assert command_line.json("status")["services"][0]["ready"] is False
    assert command_line.json("doctor", status=1)
    (forth,) = command_line.json("migrate")["services"]
    assert (forth["previous"], forth["revision"]) == (back["revision"], HEAD)
    assert command_line.json("audit") == {"findings": [], "waived": []}


def test_a_revision_that_does_not_exist_is_a_sentence(command_line: CommandLine) -> None:
    done = command_line.run("migrate", "nonsense", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "migration"


def test_nothing_to_do_is_no_revision(command_line: CommandLine) -> None:
    assert command_line.json("revision", "-m", "nothing") == {
        "service": "ai_agents",
        "path": None,
        "changes": [],
        "left_alone": [],
    }


def test_a_service_that_does_not_exist_is_named(command_line: CommandLine) -> None:
    done = command_line.run("status", "--service", "nonsense")
    assert done.returncode == 1
    assert "nonsense" in done.stderr
