"""Reports why a run has no databases: once, in full, at the end of pytest's report.

Each test that needs a database fails with one line. Otherwise a missing server would print its traceback once for every
test.
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
    """Fail the test with the line `what` if its database cannot be had, and keep the reason for the end."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # A user's migration may raise anything; it is all printed.
        _keep(config, [_describe(error)])
        line = f"{what} See the section `tenantry` at the end of the report."
        # `from None`, because pytest would otherwise print the reason with every test.
        raise pytest.fail.Exception(line, pytrace=False) from None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the reasons that a worker of pytest-xdist met."""
    _keep(node.config, getattr(node, "workeroutput", {}).get(OUTPUT, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print every reason once, also if several workers met it."""
    troubles = config.stash.get(TROUBLES, [])
    if troubles:
        terminalreporter.section("tenantry", red=True)
    for trouble in dict.fromkeys(troubles):
        terminalreporter.line(trouble)


def _keep(config: pytest.Config, troubles: list[str]) -> None:
    kept = config.stash.setdefault(TROUBLES, [])
    kept.extend(troubles)
    # pytest-xdist sends `workeroutput` to the process that prints the report.
    if hasattr(config, "workeroutput"):
        config.workeroutput[OUTPUT] = kept


def _describe(error: Exception) -> str:
    if isinstance(error, errors.TenantryError):
        return str(error)
    # An unexpected error; its traceback says where it happened.
    return "".join(traceback.format_exception(error)).rstrip()
