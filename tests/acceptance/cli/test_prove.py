"""`tenantry prove isolation` and `tenantry audit` as a pipeline calls them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.one_version

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
PATIENCE = 200.0
SCRATCH = "SELECT count(*) FROM pg_database WHERE datname LIKE 'tenantry\\_proof\\_%'"
DOCUMENT = {
    *("service", "tables", "attacks", "blocked", "breaches", "skipped", "limits"),
    *("checks", "seconds", "server", "origin", "roles", "fingerprint"),
}
# What lets a tenant's rows out without touching a role of the cluster.
HOLE = "CREATE POLICY hole ON enhancement_history TO app_user USING (true)"


@pytest.fixture(scope="module", autouse=True)
def prepared(command_line: CommandLine) -> None:
    """The service's database."""
    assert command_line.run("prepare").returncode == 0


def _prove(command_line: CommandLine, *options: str) -> tuple[int, str, str]:
    """Run a proof, which takes longer than other commands; return its status and what it wrote."""
    with command_line.start("prove", "isolation", *options) as process:
        out, said = process.communicate(timeout=PATIENCE)
    return process.returncode, out, said


def _owner(command_line: CommandLine, statement: str) -> str:
    done = command_line.run("psql", "--as", "owner", "--", "-Atc", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.timeout(240)
def test_a_healthy_service_is_proven(command_line: CommandLine, tmp_path: Path) -> None:
    """The document has the promised shape, the page is written, and nothing is left behind."""
    page = tmp_path / "report.html"
    status, out, said = _prove(command_line, "--html", str(page), "--json")
    assert status == 0, said
    proof = json.loads(out)
    assert set(proof) == DOCUMENT
    assert proof["service"] == "ai_agents"
    assert proof["breaches"] == []
    assert proof["attacks"] == proof["blocked"] + len(proof["limits"])
    assert proof["attacks"] >= 1000
    assert proof["checks"] >= 10_000
    assert not [one for one in proof["skipped"] if one["reason"].startswith("the attack is broken")]
    limits = (ROOT / "docs/explanation/proof.md").read_text(encoding="utf-8")
    assert {one["attack"] for one in proof["limits"] if f"`{one['attack']}`" not in limits} == set()
    assert "No breach in" in page.read_text(encoding="utf-8")
    assert _owner(command_line, SCRATCH) == "0"


@pytest.mark.timeout(240)
def test_a_hole_is_found_and_named(command_line: CommandLine) -> None:
    _owner(command_line, HOLE)
    try:
        status, out, said = _prove(command_line)
    finally:
        _owner(command_line, "DROP POLICY hole ON enhancement_history")
    assert status == 1, said
    first, *others = out.splitlines()
    assert first.startswith("ai_agents: ")
    assert [line for line in others if line.startswith("  breach ") and "public.enhancement_history: " in line]
    assert "docs/explanation/proof.md#known-limits" in out
    assert said == ""
    assert _owner(command_line, SCRATCH) == "0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(command_line: CommandLine, number: signal.Signals) -> None:
    with command_line.start("prove", "isolation", "--verbose") as process:
        assert process.stderr is not None
        assert "scratch database" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert _owner(command_line, SCRATCH) == "0"


def test_a_url_is_one_services(command_line: CommandLine) -> None:
    done = command_line.run(
        "prove", "isolation", "--service", "ai_agents", "--service", "items", "--database-url", "postgresql://x@y/z"
    )
    assert done.returncode == 2
    assert "--service" in done.stderr


def test_a_url_that_nobody_answers_is_a_sentence(command_line: CommandLine) -> None:
    url = "postgresql://somebody:a-password@127.0.0.1:1/nowhere"
    done = command_line.run("prove", "isolation", "--database-url", url, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "database_unavailable"
    assert "a-password" not in done.stdout + done.stderr


def test_the_audit_writes_sarif(command_line: CommandLine, tmp_path: Path) -> None:
    """Beside what it prints; here with one finding in it."""
    _owner(command_line, "CREATE TABLE forgotten (id integer)")
    try:
        done = command_line.run("audit", "--sarif", str(tmp_path / "audit.sarif"))
    finally:
        _owner(command_line, "DROP TABLE forgotten")
    document = json.loads((tmp_path / "audit.sarif").read_text(encoding="utf-8"))
    found = {result["ruleId"] for result in document["runs"][0]["results"]}
    assert "TN406" in found
    assert "table public.forgotten" in done.stdout
    places = [result["locations"][0]["physicalLocation"] for result in document["runs"][0]["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"services/ai_agents/migrations"}


def test_a_waived_finding_is_listed_and_does_not_fail(command_line: CommandLine, tmp_path: Path) -> None:
    """The list stands beside the migrations; here a copy of them, in a project of its own."""
    waivers = tmp_path / "audit.waivers"
    (tmp_path / "migrations").symlink_to(ROOT / "services/ai_agents/migrations")
    (tmp_path / "billing.py").write_text(
        "import dataclasses\nfrom pathlib import Path\nfrom ai_agents.service import service as origin\n"
        "service = dataclasses.replace(origin, migrations=Path(__file__).parent / 'migrations')\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.tenantry]\nservices = ["billing:service"]\nsource = "."\n')
    waivers.write_text("TN406 table public.forgotten  # kept until the report is out\n")
    _owner(command_line, "CREATE TABLE forgotten (id integer)")
    try:
        with_waiver = _audit_in(tmp_path, command_line)
        waivers.unlink()
        without = _audit_in(tmp_path, command_line)
    finally:
        _owner(command_line, "DROP TABLE forgotten")
    assert "TN406" in {one["code"] for one in without["findings"]}
    assert without["waived"] == []
    assert "TN406" not in {one["code"] for one in with_waiver["findings"]}
    assert [(one["object"], one["reason"]) for one in with_waiver["waived"] if one["code"] == "TN406"] == [
        ("table public.forgotten", "kept until the report is out")
    ]


def _audit_in(folder: Path, command_line: CommandLine) -> dict[str, list[dict[str, str]]]:
    program = [sys.executable, "-W", "error", "-c", "from tenantry.cli import main; main()"]
    done = subprocess.run(
        [*program, "audit", "--json"],
        cwd=folder,
        env={**command_line._environment({}), "PYTHONPATH": str(ROOT / "services")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    document: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return document
