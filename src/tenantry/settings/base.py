"""The base class of settings: reads the environment and a `.env` file, and explains errors.

The environment takes precedence over the `.env` file. That file is searched for in the current folder and its parents,
up to the project's folder (the one with `pyproject.toml`). So Alembic in a service's folder and the application in the
project's folder read the same file. A blank variable counts as not set, because compose files produce blank variables.

A variable with the prefix that no setting reads is reported, because a misspelled one would have no effect (`unknown`).

`load` may also read names without the prefix. Settings that are created directly, as in tests, never do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tenantry import errors
from tenantry.settings.unknown import UnknownVariable, find_unknown
from tenantry.settings.unprefixed import is_unprefixed, read_unprefixed
from tenantry.settings.variables import describe_kind, is_secret, name_variable


class EnvironmentSettings(BaseSettings):
    """Settings whose errors name the variable and never repeat a value; subclasses set `env_prefix`.

    Attributes:
        unprefixed: fields that `load` also reads without the prefix. A variable with the prefix takes precedence.
        silencing: if one of these fields is set with the prefix, `load` reads no variable without the prefix.
        is_partial: the class has only a part of a service's fields, so it cannot tell which variables are unknown.
    """

    unprefixed: ClassVar[tuple[str, ...]] = ()
    silencing: ClassVar[tuple[str, ...]] = ()
    is_partial: ClassVar[bool] = False

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        # The .env file also contains variables of other programs.
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # What `load` found.
    _unknown: tuple[UnknownVariable, ...] = PrivateAttr(default=())

    @property
    def unknown_variables(self) -> tuple[UnknownVariable, ...]:
        """The variables with the prefix that `load` found and no setting reads; a misspelled one has no effect."""
        return self._unknown

    @classmethod
    def load(cls, *, env_file: Path | Literal["nearest"] | None = "nearest") -> Self:
        """Read the environment and a `.env` file: the nearest, a given file, or with None no file.

        Raises:
            ConfigurationError: variables are wrong or missing. The error names each of them.
        """
        path = find_env_file() if env_file == "nearest" else env_file
        try:
            # pydantic-settings ignores a file that does not exist.
            if path is not None:
                path.open().close()
            with read_unprefixed(cls, cls.unprefixed, cls.silencing, path) as bare:
                return cls._validated(path, bare)
        except SettingsError as error:
            found = re.search(r'field "(\w+)"', str(error))
            field = found[1] if found else ""
            variable = name_variable(cls, field) if field in cls.model_fields else cls.__name__
            raise errors.ConfigurationError(
                f"{variable} must be valid JSON.", variable=variable, remedy=f"Set {variable} to valid JSON."
            ) from None
        except UnicodeDecodeError:
            raise errors.ConfigurationError(
                f"The file {path} is not UTF-8 text.", remedy="Write the file as UTF-8 text."
            ) from None
        except OSError as error:
            raise errors.ConfigurationError(
                f"The file {path} cannot be read.",
                why=f"{error.strerror}.",
                remedy="Create the file, or let this user read it.",
            ) from error

    @classmethod
    def _validated(cls, path: Path | None, bare: dict[str, Any]) -> Self:
        unknown = () if cls.is_partial else find_unknown(cls, path)
        try:
            made = cls(_env_file=path, **bare)  # type: ignore[call-arg]  # pydantic-settings hides its own arguments.
        except ValidationError as error:
            # `from None`, here and above, because these exceptions contain the value.
            raise _explain(cls, error, unknown) from None
        made._unknown = unknown
        cls._check_silencing(made, unknown)
        return made

    @classmethod
    def _check_silencing(cls, made: Self, unknown: tuple[UnknownVariable, ...]) -> None:
        """Refuse a misspelled variable of an address if no address is set: the embedded server would be used."""
        names = {name_variable(cls, field) for field in cls.silencing}
        if names and not made.model_fields_set.intersection(cls.silencing):
            for one in unknown:
                if one.is_misspelled and one.meant in names:
                    raise errors.ConfigurationError(
                        one.message,
                        variable=one.name,
                        why="No address is set, so the service would use the embedded server.",
                        remedy=f"Set {one.meant} instead, or remove {one.name}.",
                    )

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of a field's variable; during `load`, the name without prefix if that is read."""
        return field.upper() if is_unprefixed(field) else name_variable(cls, field)

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if not (isinstance(value, str) and not value.strip())}


def find_env_file(folder: Path | None = None) -> Path | None:
    """Return the nearest `.env` from the current folder up to the project's folder; None if no such file exists.

    Outside a project, only the current folder is searched, because a file in a parent folder belongs to other programs.
    """
    folder = (folder or Path.cwd()).resolve()
    within = [folder]
    for parent in (folder, *folder.parents):
        if (parent / "pyproject.toml").is_file():
            within = [folder, *folder.parents[: len(folder.parts) - len(parent.parts)]]
            break
    return next((place / ".env" for place in within if (place / ".env").is_file()), None)


def _explain(
    settings: type[EnvironmentSettings], error: ValidationError, unknown: tuple[UnknownVariable, ...]
) -> errors.ConfigurationError:
    """Return one error that names every wrong or missing variable, and the misspelled one that stands for it."""
    problems = []
    variables = []
    # Without inputs and contexts, because they contain the values.
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        field = _find_field(settings, str(detail["loc"][0])) if detail["loc"] else ""
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        if not field:
            problems.append(message)
            continue
        variables.append(variable := settings.variable(field))
        kind = describe_kind(settings.model_fields[field])
        if detail["type"] == "missing":
            problems.append(f"{variable} is missing" + (f"; it must be {kind}" if kind else ""))
        elif detail["type"] == "value_error" and not is_secret(settings.model_fields[field]):
            problems.append(f"{variable} is wrong: {message}")
        elif kind:
            problems.append(f"{variable} must be {kind}")
        else:
            problems.append(
                f"{variable} is wrong" + ("" if is_secret(settings.model_fields[field]) else f": {message}")
            )
    misspelled = [f"{one.name} is set instead of {one.meant}." for one in unknown if one.meant in variables]
    return errors.ConfigurationError(
        "; ".join(problems) + ".",
        variable=variables[0] if variables else "",
        why=" ".join(misspelled),
        remedy=f"Set {' and '.join(variables or ['the variables'])} in the environment or in the .env file.",
    )


def _find_field(settings: type[BaseSettings], location: str) -> str:
    """Return the field that pydantic reports by its name or by its alias."""
    if location in settings.model_fields:
        return location
    return next((name for name in settings.model_fields if name_variable(settings, name) == location.upper()), "")
