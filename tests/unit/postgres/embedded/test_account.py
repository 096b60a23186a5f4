from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from tenantry import errors
from tenantry.postgres.embedded import account
from tenantry.postgres.embedded.account import Account, account_with_name, server_account


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def as_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)


def people(**numbers: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=uid + 1) for name, uid in numbers.items()]


@pytest.mark.usefixtures("as_somebody")
def test_an_ordinary_user_stays_the_same(tmp_path: Path) -> None:
    assert server_account(tmp_path) == Account()
    assert Account().process_options() == {}
    assert Account().name_of(tmp_path, 7) == str(tmp_path)


@pytest.mark.usefixtures("as_root")
def test_root_gets_a_number_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0, a=account.FIRST, b=account.FIRST + 1))
    assert server_account(tmp_path / "absent") == Account(account.FIRST + 2, account.FIRST + 2)


@pytest.mark.usefixtures("as_root")
def test_root_keeps_the_number_that_the_data_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when somebody got the number meanwhile: the data are readable only for it."""
    owner = SimpleNamespace(st_uid=60580, st_gid=60581, st_mode=0o40700)
    monkeypatch.setattr(Path, "stat", lambda _path, **_options: owner)
    assert server_account(tmp_path) == Account(60580, 60581)


@pytest.mark.usefixtures("as_root")
def test_root_makes_the_data_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or as whoever there is, since `initdb` looks its user up."""
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0, daemon=1, nobody=65534))
    assert account_with_name() == Account(65534, 65535)
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0, daemon=1))
    assert account_with_name() == Account(1, 2)
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0))
    with pytest.raises(errors.ServerError, match="no other user"):
        account_with_name()


@pytest.mark.usefixtures("as_somebody")
def test_a_user_without_a_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0, somebody=4711))
    assert account_with_name() == Account()
    monkeypatch.setattr(pwd, "getpwall", lambda: people(root=0))
    with pytest.raises(errors.ServerError, match="4711"):
        account_with_name()


def test_another_account_finds_a_directory_by_its_descriptor(tmp_path: Path) -> None:
    """It could not walk to it; the name leads to the very same directory."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert Path(Account(1, 1).name_of(tmp_path, descriptor)).samefile(tmp_path)
    finally:
        os.close(descriptor)
    assert Account(1, 1).process_options() == {"user": 1, "group": 1, "extra_groups": ()}
