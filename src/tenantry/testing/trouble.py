"""What keeps a run from having its databases is said once, in full, at the end of the report.

Each test that it keeps from running fails with one line. Without this a missing server would print its traceback once
for every test.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tenantry import errors

__all__ = ["pytest_terminal_summary", "pytest_testnodedown", "told_once"]

OUTPUT = "tenantry_troubles"
TROUBLES = pytest.StashKey[list[str]]()


@contextmanager
def told_once(config: pytest.Config, what: str) -> Iterator[None]:
    """Fail the test with the line `what` where getting its database fails, and keep the reason for the end."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # A user's migration may raise anything; it is all printed.
        _keep(config, [_describe(error)])
        line = f"{what} The reason stands once, under `tenantry` at the end of the report."
        # `from None`, or pytest would print the reason with every test all the same.
        raise pytest.fail.Exception(line, pytrace=False) from None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear what a worker of pytest-xdist has to tell."""
    _keep(node.config, getattr(node, "workeroutput", {}).get(OUTPUT, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell every reason once, whichever and however many workers met it."""
    troubles = config.stash.get(TROUBLES, [])
    if troubles:
        terminalreporter.section("tenantry", red=True)
    for trouble in dict.fromkeys(troubles):
        terminalreporter.line(trouble)


def _keep(config: pytest.Config, troubles: list[str]) -> None:
    kept = config.stash.setdefault(TROUBLES, [])
    kept.extend(troubles)
    # What a worker leaves here, xdist sends to the process that prints the report.
    if hasattr(config, "workeroutput"):
        config.workeroutput[OUTPUT] = kept


def _describe(error: Exception) -> str:
    if isinstance(error, errors.TenantryError):
        return str(error)
    # Not an error that we foresaw, so where it happened is what matters.
    return "".join(traceback.format_exception(error)).rstrip()
