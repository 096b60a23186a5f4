"""The table of floors in CONTRIBUTING, import-linter's layers and the folders of the source tell the same story."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tenantry"


def layers() -> list[set[str]]:
    """Return import-linter's layers, the lowest first."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contract = next(one for one in tool["importlinter"]["contracts"] if one["type"] == "layers")
    assert contract["exhaustive"]
    return [set(layer.split(" | ")) for layer in reversed(contract["layers"])]


def floors() -> Iterator[tuple[int, set[str]]]:
    """Yield the rows of CONTRIBUTING's table: the floor and its rooms."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for number, rooms in re.findall(r"^\| (\d) \| ([^|]+) \|", text, re.MULTILINE):
        yield int(number), set(re.findall(r"`(\w+)`", rooms))


def test_every_room_is_in_the_table_once() -> None:
    rooms = [room for _, row in floors() for room in row]
    folders = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert sorted(rooms) == sorted(folders - {"__init__", "__main__"})


def test_a_room_stands_no_lower_than_what_it_may_import() -> None:
    """Read from below, the linter's layers never go down a floor."""
    floor_of = {room: number for number, row in floors() for room in row}
    order = [{floor_of[room] for room in layer} for layer in layers()]
    for below, above in itertools.pairwise(order):
        assert max(below) <= min(above)


def test_the_layers_hold_every_room() -> None:
    assert sorted(room for layer in layers() for room in layer) == sorted(room for _, row in floors() for room in row)


def test_every_file_of_the_table_of_features_exists() -> None:
    """README names packages and files; a file stands in the packages of its row."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The source")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:4:2] for line in table.splitlines() if line.startswith("| `")]
    named = re.compile(r"`([\w/]+(?:\.py|/))`")
    places = [
        ([SOURCE / package for package in named.findall(packages)], named.findall(features))
        for packages, features in rows
    ]
    assert len(places) > 8
    assert [package for packages, _ in places for package in packages if not package.is_dir()] == []
    assert sum(len(files) for _, files in places) > 12
    assert [
        file
        for packages, files in places
        for file in files
        if not any((package / file).exists() for package in packages)
    ] == []
