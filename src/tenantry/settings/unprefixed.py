"""Variables without a service's prefix: `DATABASE_URL` or `DB_HOST`, as many a team and platform names them.

Several services may run in one process, where a bare name speaks to each that reads it. The invariant: an address comes
from one place. A service that was given an address under its own prefix reads no part of another under a bare name.
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

# The fields that the settings being loaded take from bare names, so that errors name what was or should be there.
_taken: ContextVar[frozenset[str]] = ContextVar("tenantry_unprefixed", default=frozenset())


def is_unprefixed(field: str) -> bool:
    """True while settings are loaded that take this field from its bare name."""
    return field in _taken.get()


@contextmanager
def read_unprefixed(
    settings: type[BaseSettings], fields: Collection[str], silencing: Collection[str], env_file: Path | None
) -> Iterator[dict[str, str]]:
    """Yield the values of `fields` under their bare names; nothing if one of `silencing` is given with its prefix.

    A field that is given with its prefix is left out. As everywhere, the environment wins over the file.
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
