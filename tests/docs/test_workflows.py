"""The workflows run what the Makefile offers, on what the package and the documentation promise."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT

from tenantry.postgres.binaries import find_binaries

pytestmark = pytest.mark.docs

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
# What is not pinned by the hash of a commit, with the reason beside it in the workflow.
BY_BRANCH = {"pypa/gh-action-pypi-publish@release/v1"}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(path: Path) -> dict[str, Any]:
    """Read a workflow; YAML 1.1 takes the key `on` for a boolean."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return {("on" if key is True else key): value for key, value in document.items()}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job.get("steps", ()):
            yield name, step


def matrix(job: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(jobs())[job]["strategy"]["matrix"]
    return found


def promised(what: str) -> list[str]:
    """Return the versions in the table of the page on compatibility."""
    page = (ROOT / "docs" / "reference" / "compatibility.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| {what} \| ([\d., ]+) \|", page, re.MULTILINE)
    assert found
    return found[1].split(", ")


def test_the_workflows_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["checks", "release", "tests"]
    for path in WORKFLOWS:
        assert {"name", "on", "permissions", "concurrency", "jobs"} <= set(read(path))


def test_every_target_that_is_called_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = {
        word
        for _, step in steps()
        for line in re.findall(r"\bmake (.+)$", step.get("run", ""), re.MULTILINE)
        for word in line.split()
        if "=" not in word
    }
    assert called == {"check", "dist", "test", "test-servers"}
    assert called <= targets


def test_every_file_that_is_called_exists() -> None:
    reused = [job["uses"] for _, job in jobs() if "uses" in job]
    assert reused == ["./.github/workflows/tests.yml"]
    assert all((ROOT / path).is_file() for path in reused)
    assert "workflow_call" in read(GITHUB / "workflows" / "tests.yml")["on"]


def test_pythons_are_those_of_the_classifiers_and_of_the_docs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    classified = [one.rpartition(" ")[2] for one in project["classifiers"] if one.startswith(prefix)]
    assert matrix("tests.python")["python"] == classified == promised("Python")
    assert project["requires-python"] == f">={classified[0]}"
    used = {step["with"]["python-version"] for _, step in steps() if "python-version" in step.get("with", {})}
    assert used == {classified[0], "${{ matrix.python }}"}


def test_servers_are_those_that_the_docs_promise() -> None:
    """A version of the wheel, or the folder in which the packages of that version have their programs."""
    rows = matrix("tests.postgres")["include"]
    assert [row["postgres"] for row in rows] == promised("PostgreSQL")
    for row in rows:
        if row["server"].startswith("/"):
            assert row["server"] == f"/usr/lib/postgresql/{row['postgres']}/bin"
        else:
            assert row["server"] == row["postgres"]
            assert find_binaries(row["server"])


def test_an_action_is_pinned_by_its_commit() -> None:
    """The version stands beside the hash, where Dependabot keeps the two together."""
    lines = [
        found[1]
        for path in WORKFLOWS
        for found in re.finditer(r"uses: (?!\./)(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert lines
    assert {line for line in lines if not PINNED.fullmatch(line)} == BY_BRANCH


def test_rights_are_given_by_the_job_and_only_publishing_has_more_than_reading() -> None:
    assert [read(path)["permissions"] for path in WORKFLOWS] == [{}] * len(WORKFLOWS)
    rights = {name: job["permissions"] for name, job in jobs()}
    publishing = rights.pop("release.publish")
    assert publishing == {"id-token": "write", "attestations": "write", "contents": "read"}
    assert all(given == {"contents": "read"} for given in rights.values())


def test_no_job_runs_for_ever_or_keeps_the_token() -> None:
    assert [name for name, job in jobs() if "steps" in job and "timeout-minutes" not in job] == []
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": False}] * len(checkouts)


def test_no_script_has_an_expression_pasted_into_it() -> None:
    """The name of a branch would be run as a command; values reach a script as variables of its environment."""
    assert [step["run"] for _, step in steps() if "${{" in step.get("run", "")] == []


def test_a_release_is_tested_and_built_before_it_is_published_and_uses_no_password() -> None:
    release = read(GITHUB / "workflows" / "release.yml")
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert release["jobs"]["publish"]["needs"] == ["tests", "build"]
    assert release["jobs"]["publish"]["environment"] == "release"
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text(encoding="utf-8")
    # What publishes runs no code of the checkout: it has the right to sign.
    assert [step for step in release["jobs"]["publish"]["steps"] if "run" in step] == []


@pytest.mark.parametrize("line", ["actions/checkout@v7", "actions/checkout@3d3c42e # v7.0.1", "a/b@" + "0" * 40])
def test_a_loose_pin_is_found(line: str) -> None:
    assert not PINNED.fullmatch(line)
