"""Variables that are set and that no settings class reads, such as `SHOP_DATABSE_URL`.

pydantic-settings ignores them, so a misspelled variable has no effect and no error. Only variables with the service's
prefix are checked, and in the `.env` file also names of fields that have no prefix. All other variables may belong to
other programs.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from tenantry.settings.variables import name_variable

__all__ = ["UnknownVariable", "find_unknown"]

# The similarity of a misspelled name, of `difflib`: one wrong letter in five is 0.8.
SIMILAR = 0.8

# Kubernetes sets such variables for each service of a namespace, with the name of the service as prefix.
_KUBERNETES = re.compile(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")

# Without a prefix, only these names are certainly meant for a service.
_OWN = ("database_", "db_")


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A variable that is set in `place` and not read; `meant` is the similar variable that is read, else empty."""

    name: str
    place: str
    meant: str = ""

    @property
    def is_misspelled(self) -> bool:
        """True if the name is similar to a variable, and has its prefix."""
        return bool(self.meant) and not self.meant.endswith(f"_{self.name}")

    @property
    def message(self) -> str:
        """What is wrong, without the value."""
        return f"{self.name} is set in {self.place}, and no setting has this name."

    @property
    def remedy(self) -> str:
        """The question that a reader can answer."""
        if self.meant:
            return f"Did you mean {self.meant}?"
        return f"Remove {self.name}, or ignore this warning if another program reads it."


def find_unknown(settings: type[BaseSettings], env_file: Path | None) -> tuple[UnknownVariable, ...]:
    """Return the variables with the prefix that `settings` do not read; of `env_file` also fields without a prefix."""
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    if not prefix:
        return ()
    known = _names(settings)
    file = {name.upper(): f"the file {env_file}" for name in (dotenv_values(env_file) if env_file else {})}
    given = {**file, **{name.upper(): "the environment" for name in os.environ}}
    other = tuple(_longer_prefixes(prefix))
    found = [
        UnknownVariable(name, given[name], _similar(name, prefix, known))
        for name in sorted(given)
        if name.startswith(prefix)
        and not name.startswith(other)
        and not _is_known(name, known, str(settings.model_config.get("env_nested_delimiter") or ""))
        and not _KUBERNETES.fullmatch(name.removeprefix(prefix))
    ]
    bare = {field.upper() for one in _classes(BaseSettings) for field in getattr(one, "unprefixed", ())}
    found += [
        UnknownVariable(field.upper(), file[field.upper()], name_variable(settings, field))
        for field in settings.model_fields
        if field.startswith(_OWN) and field.upper() in file and field.upper() not in bare
    ]
    return tuple(found)


def _names(settings: type[BaseSettings]) -> set[str]:
    """Return every name that the settings read, with all aliases."""
    names = {name_variable(settings, field) for field in settings.model_fields}
    for field in settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            names.update(choice.upper() for choice in field.validation_alias.choices if isinstance(choice, str))
    return names


def _is_known(name: str, known: set[str], delimiter: str) -> bool:
    return name in known or bool(delimiter and any(name.startswith(one + delimiter.upper()) for one in known))


def _similar(name: str, prefix: str, known: set[str]) -> str:
    """Return the variable that a misspelled name stands for, or ''.

    The prefix takes no part in the comparison. A known name with another word behind it (`DATABASE_URL_OLD`) is not
    misspelled.
    """
    rest = name.removeprefix(prefix)
    fields = {one.removeprefix(prefix): one for one in known if one.startswith(prefix)}
    if any(rest.startswith(f"{field}_") for field in fields):
        return ""
    close = difflib.get_close_matches(rest, fields, n=1, cutoff=SIMILAR)
    # A part of the name that only one field has: POOL_SIZE, DB_PASS.
    parts = [field for field in fields if "_" in rest and (field.endswith(f"_{rest}") or field.startswith(rest))]
    chosen = close or (parts if len(parts) == 1 else [])
    return fields[chosen[0]] if chosen else ""


def _longer_prefixes(prefix: str) -> Iterator[str]:
    """Yield the prefixes of other settings that begin with this one: SHOP_ADMIN_ belongs to another service."""
    for one in _classes(BaseSettings):
        other = str(one.model_config.get("env_prefix", "")).upper()
        if other != prefix and other.startswith(prefix):
            yield other


def _classes(parent: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    for child in parent.__subclasses__():
        yield child
        yield from _classes(child)
