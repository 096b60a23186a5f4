"""An address in a mounted file is read again when it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenantry import errors
from tenantry.secrets import FileSource


async def test_a_rotation_needs_no_restart(tmp_path: Path) -> None:
    """The earlier address stays the second candidate, for the file may be ahead of the database."""
    path = tmp_path / "url"
    path.write_text("postgresql://u:old@h/d\n")
    source = FileSource(path)
    old = await source.current()
    path.write_text(json.dumps({"username": "u", "password": "new", "host": "h", "dbname": "d"}))
    assert await source.current() == old
    new, second = await source.refresh()
    assert new.password is not None
    assert new.password.get_secret_value() == "new"
    assert second == old
    assert await source.current() == new
    assert list(await source.refresh()) == [new, old]


async def test_an_unchanged_file_gives_one_candidate(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://u:old@h/d")
    source = FileSource(path)
    await source.current()
    assert len(await source.refresh()) == 1


async def test_a_change_that_was_taken_back_gives_one_candidate(tmp_path: Path) -> None:
    path = tmp_path / "url"
    source = FileSource(path)
    for password in ("a", "b", "a"):
        path.write_text(f"postgresql://u:{password}@h/d")
        found = await source.refresh()
    assert [address.url.get_secret_value()[15] for address in found] == ["a", "b"]


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(errors.SecretUnavailable, match=reason) as caught:
            await FileSource(path).current()
        assert str(path) in str(caught.value)
        assert caught.value.variable == "DATABASE_URL_FILE"


async def test_bytes_that_are_no_text_are_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_bytes(b"postgresql://u:sentinel\xff@h/d")
    with pytest.raises(errors.SecretUnavailable, match="is not UTF-8 text") as caught:
        await FileSource(path).current()
    assert "sentinel" not in str(caught.value)
    assert caught.value.__context__ is None
