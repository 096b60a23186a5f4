"""Variables without a service's prefix, such as `DATABASE_URL` or `DB_HOST`, as many platforms name them.

Several services may run in one process, and each of them reads a name without prefix. The invariant: an address comes
from one place. A service with an address under its own prefix reads no part of an address without the prefix.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from dotenv import dotenv_values
from pydantic_settings import BaseSettings

from tenantry.settings.variables import name_variable

__all__ = ["is_unprefixed", "read_unprefixed"]

# The fields that the current `load` reads without the prefix, so that errors name the variable that was read.
_taken: ContextVar[frozenset[str]] = ContextVar("tenantry_unprefixed", default=frozenset())


def is_unprefixed(field: str) -> bool:
    """True during a `load` that reads this field without the prefix."""
    return field in _taken.get()


@contextmanager
def read_unprefixed(
    settings: type[BaseSettings], fields: Collection[str], silencing: Collection[str], env_file: Path | None
) -> Iterator[dict[str, str]]:
    """Yield the values of `fields` without prefix; nothing if one of `silencing` is set with its prefix.

    A field that is set with its prefix is left out. The environment takes precedence over the file.
    """
    given = _given(env_file) if fields else {}
    own = {field for field in {*fields, *silencing} if given.get(name_variable(settings, field), "").strip()}
    bare = frozenset() if own.intersection(silencing) else frozenset(fields) - own
    values = {field: given[field.upper()] for field in sorted(bare) if field.upper() in given}
    token = _taken.set(bare if values else frozenset())
    try:
        yield values
    finally:
        _taken.reset(token)


def _given(env_file: Path | None) -> dict[str, str]:
    file = dotenv_values(env_file) if env_file else {}
    return {name.upper(): value for name, value in {**file, **os.environ}.items() if value is not None}
