from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tenantry import errors
from tenantry.testing.error_report import OUTPUT, TROUBLES, pytest_testnodedown, told_once


@pytest.fixture
def config() -> Any:
    """A configuration of nobody's run."""
    return SimpleNamespace(stash=pytest.Stash())


def test_what_was_foreseen_is_told_without_its_place(config: Any) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^Nothing here\. See the section `tenantry`") as caught:  # noqa: SIM117
        with told_once(config, "Nothing here."):
            raise errors.BinariesMissing("No programs.", why="Not installed.", remedy="Install them.")
    assert config.stash[TROUBLES] == ["No programs. Not installed. Install them."]
    assert not caught.value.pytrace
    assert caught.value.__suppress_context__


def test_what_was_not_foreseen_is_told_with_its_place(config: Any) -> None:
    with pytest.raises(pytest.fail.Exception), told_once(config, "Nothing here."):
        raise ZeroDivisionError("of a user's migration")
    (told,) = config.stash[TROUBLES]
    assert "ZeroDivisionError: of a user's migration" in told
    assert __file__ in told


def test_a_skip_stays_a_skip(config: Any) -> None:
    with pytest.raises(pytest.skip.Exception), told_once(config, "Nothing here."):
        pytest.skip("not on this machine")
    assert TROUBLES not in config.stash


def test_a_worker_tells_whoever_prints(config: Any) -> None:
    worker = SimpleNamespace(stash=pytest.Stash(), workeroutput={})
    with pytest.raises(pytest.fail.Exception), told_once(worker, "Nothing here."):  # type: ignore[arg-type]
        raise errors.ServerError("It is down.")
    pytest_testnodedown(SimpleNamespace(config=config, workeroutput=worker.workeroutput))
    assert worker.workeroutput[OUTPUT] == config.stash[TROUBLES] == ["It is down."]


def test_a_crashed_worker_tells_nothing(config: Any) -> None:
    pytest_testnodedown(SimpleNamespace(config=config))
    assert config.stash[TROUBLES] == []
