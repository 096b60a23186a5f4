"""The locks are of this pyproject.toml: every requirement is in them, at a version that it accepts, with hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.docs

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN = ROOT / "requirements" / "run.txt"
DEV = ROOT / "requirements" / "dev.txt"
PIN = re.compile(
    r"^([\w.-]+)==([\w.+!-]+)(?: ;[^\\\n]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def pins(lock: Path) -> dict[str, str]:
    return {canonicalize_name(found[1]): found[2] for found in PIN.finditer(lock.read_text(encoding="utf-8"))}


def needed(*extras: str, groups: tuple[str, ...] = ()) -> Iterator[Requirement]:
    texts = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        texts += PROJECT["project"]["optional-dependencies"][extra]
    for group in groups:
        texts += PROJECT["dependency-groups"][group]
    yield from map(Requirement, texts)


def absent(lock: Path, requirements: Iterator[Requirement]) -> list[str]:
    """Return the requirements that a lock does not meet."""
    locked = pins(lock)
    return [
        str(one)
        for one in requirements
        if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0.dev0"), prereleases=True)
        or canonicalize_name(one.name) not in locked
    ]


def test_every_requirement_is_locked() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert absent(RUN, needed(*(extras - {"testing"}), groups=("build",))) == []
    assert absent(DEV, needed(*extras, groups=("build", "dev"))) == []


def test_both_locks_agree() -> None:
    run, dev = pins(RUN), pins(DEV)
    assert {name: version for name, version in run.items() if dev.get(name) != version} == {}


@pytest.mark.parametrize("lock", [RUN, DEV], ids=lambda lock: lock.name)
def test_every_line_is_a_pin_with_hashes(lock: Path) -> None:
    text = PIN.sub("", lock.read_text(encoding="utf-8"))
    assert [line for line in text.splitlines() if line and not line.lstrip().startswith("#")] == []
    assert "://" not in text


def test_a_requirement_that_is_not_met_is_found() -> None:
    asked = map(Requirement, ["click>=999", "not-locked-at-all", "click>=8"])
    assert absent(RUN, asked) == ["click>=999", "not-locked-at-all"]
