"""What must not stand in the documentation: places that exist on one machine only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT, pages

pytestmark = pytest.mark.docs

FILES = [*pages(), *(ROOT / name for name in (".env.example", "compose.yaml", "Dockerfile", "Makefile"))]

# Folders of people and of build machines. A path inside a container or of a package of Debian is another matter.
MACHINE_PATH = re.compile(r"(?<![\w.:/<])/(?:home|root|Users|work|workspace|tmp|mnt|opt)/[\w.-]+")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|docker\.io|ghcr\.io|quay\.io|gcr\.io|registry\.[a-z]+\.|--(?:extra-)?index-url"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_place_of_one_machine_is_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert MACHINE_PATH.findall(text) == []
    assert REGISTRY.findall(text) == []


@pytest.mark.parametrize("text", ["see /home/somebody/x", "`/root/.venv`", "in /work/main", "(/tmp/socket)"])
def test_a_machines_path_is_found(text: str) -> None:
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["/readyz", "https://example.com/home/page", "/usr/lib/postgresql/15/bin"])
def test_other_paths_are_none(text: str) -> None:
    assert not MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["https://pypi.org/simple", "FROM docker.io/postgres", "--index-url x"])
def test_a_registry_is_found(text: str) -> None:
    assert REGISTRY.search(text)
