"""The files that editors, Git hooks and the forge read: they parse, name what exists, and agree with `make check`."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT

pytestmark = pytest.mark.docs

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
PRIVATE_FORM = "/security/advisories/new"
# Generated, and compared with what the migrations write.
WITH_BLANKS = {"services/items/db/init.sql"}
HEADINGS = ["New", "Services", "Changed", "Deprecated", "Removed", "Fixed", "Faster", "Safer"]


def tracked() -> list[Path]:
    """Return the files that Git knows, those that are not committed yet too."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a checkout")
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def faults(name: str, content: bytes) -> list[str]:
    """Return what .editorconfig says otherwise."""
    found = []
    if content and (not content.endswith(b"\n") or content.endswith(b"\n\n")):
        found.append("end")
    if b"\r" in content:
        found.append("line ends")
    if re.search(rb"[ \t]+$", content, re.MULTILINE) and name not in WITH_BLANKS:
        found.append("blanks")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        found.append("encoding")
    return found


def test_every_file_is_as_editorconfig_says() -> None:
    files = [path for path in tracked() if path.suffix not in {".png", ".svg", ".gz"}]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): faults(str(path.relative_to(ROOT)), path.read_bytes()) for path in files}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a", "end"),
        (b"a\n\n", "end"),
        (b"a\r\n", "line ends"),
        (b"a \nb\n", "blanks"),
        (b"\xff\n", "encoding"),
    ],
)
def test_a_file_that_differs_is_found(content: bytes, expected: str) -> None:
    assert expected in faults("a.py", content)


def test_editorconfig_parses_and_agrees_with_ruff() -> None:
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    parser = configparser.ConfigParser()
    parser.read_string("[general]\n" + text)
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert parser["*"]["max_line_length"] == str(ruff["line-length"])
    assert {section for section in parser.sections() if section.endswith(".sql")} == WITH_BLANKS


def test_hooks_run_the_tools_of_the_lock() -> None:
    """A tool that a hook downloads in another version would refuse what `make check` accepts."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    remote, local = load(".pre-commit-config.yaml")["repos"]
    assert re.fullmatch("[0-9a-f]{40}", remote["rev"])
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0]
        assert tool.startswith(".venv/bin/")
        assert re.search(rf"^{Path(tool).name}==", lock, re.MULTILINE)
    (blanks,) = [hook for hook in remote["hooks"] if hook["id"] == "trailing-whitespace"]
    assert [name for name in WITH_BLANKS if not re.search(blanks["exclude"], name)] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_has_what_the_forge_asks_for(form: Path) -> None:
    document = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(document)
    fields = [part for part in document["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len({part["id"] for part in fields}) == len(fields)
    assert all(part["attributes"]["label"] for part in fields)
    assert any(part.get("validations", {}).get("required") for part in fields)


def test_there_is_a_form_for_each_kind_of_issue() -> None:
    assert [form.stem for form in FORMS] == ["bug", "feature"]


def test_security_is_reported_privately_everywhere() -> None:
    """Every place that sends somebody to the form sends to the same one, in the repository of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    form = project["urls"]["Source"] + PRIVATE_FORM
    (link,) = load(".github/ISSUE_TEMPLATE/config.yml")["contact_links"]
    assert link["url"] == form
    for page in ("SECURITY.md", "CODE_OF_CONDUCT.md"):
        assert f"]({form})" in (ROOT / page).read_text(encoding="utf-8")


def test_dependabot_watches_what_is_there() -> None:
    present = {"github-actions": ".github/workflows", "docker": "Dockerfile", "docker-compose": "compose.yaml"}
    kinds = [update["package-ecosystem"] for update in load(".github/dependabot.yml")["updates"]]
    assert sorted(kinds) == sorted(present)
    assert all((ROOT / path).exists() for path in present.values())


def test_the_changelog_keeps_its_own_rules() -> None:
    """Its newest version is the package's, and the headings come in the order that CONTRIBUTING gives."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles[0].startswith(f"{version}, ")
    pattern = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?, (?:\d{4}-\d{2}-\d{2}|not released yet)"
    assert [title for title in titles if not re.fullmatch(pattern, title)] == []
    for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        used = re.findall(r"^\*\*(\w+)\*\*", part, re.MULTILINE)
        assert used == [heading for heading in HEADINGS if heading in used]
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \*\*(\w+)\*\* \|", contributing, re.MULTILINE) == HEADINGS


def test_environments_of_other_pythons_are_ignored_and_cleaned() -> None:
    command = ("git", "check-ignore", ".venv-3.12/", ".coverage", ".coverage.a.1", "dist/")
    assert len(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()) == 4
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    removed = " ".join(re.findall(r"^\trm -rf (.+)$", makefile.partition("\nclean:")[2], re.MULTILINE)).split()
    assert {".venv", ".venv-*", ".coverage", ".coverage.*", "dist"} <= set(removed)
