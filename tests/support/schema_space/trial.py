"""Run checks of schemas in databases of their own, and show the models of one that fails as their source."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar

from schema_space.check import check_change, check_schema, make_schema
from schema_space.project import load_models
from tenantry import Address, errors
from tenantry.postgres.definitions import Definitions
from tenantry.testing.cluster import Cluster

__all__ = ["Trials"]

_Result = TypeVar("_Result")


class Trials:
    """Checks schemas in the databases of a cluster, one after the other, in one event loop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.close()

    def check(self, source: str) -> None:
        """Check the schema of models.

        Raises:
            Exception: what failed, with the source of the models as a note.
        """
        with _shown(source), load_models(source) as models:
            self._in_database(lambda folder, address: check_schema(models, folder, address))

    @staticmethod
    def refusal(source: str) -> errors.DeclarationError | None:
        """Return the refusal of models; None if they are accepted."""
        try:
            with _shown(source), load_models(source):
                return None
        except errors.DeclarationError as error:
            return error

    def check_change(self, before: str, after: str) -> None:
        """Check a change of models.

        Raises:
            Exception: what failed, with both sources as notes.
        """
        with _shown(before), _shown(after), load_models(before) as old, load_models(after) as new:
            wanted = self._make(new)
            self._in_database(lambda folder, address: check_change(old, new, folder, address, wanted))

    def _make(self, models: ModuleType) -> Definitions:
        return self._in_database(lambda folder, address: make_schema(models, folder, address))

    def _in_database(self, work: Callable[[Path, Address], Coroutine[Any, Any, _Result]]) -> _Result:
        with self._cluster.database() as address, tempfile.TemporaryDirectory() as folder:
            return self._runner.run(work(Path(folder), address))


@contextmanager
def _shown(source: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"The models:\n{source}")
        raise
