"""Reading settings, and saying in one sentence what is wrong with them.

The environment wins over a `.env` file. That file is looked for in the current folder and above, up to the project's
own (the one with `pyproject.toml`), so that Alembic in a service's folder and the application in the project's see the
same. A variable that is blank counts as not given, as compose files produce them.

`load` may also read names without the prefix; settings that are made directly, as in tests, never do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tenantry import errors
from tenantry.settings.unprefixed import is_unprefixed, read_unprefixed
from tenantry.settings.variables import describe_kind, is_secret, name_variable


class EnvironmentSettings(BaseSettings):
    """Settings whose errors name the variable and never repeat a value; subclasses set `env_prefix`.

    Attributes:
        unprefixed: fields that `load` reads without the prefix too; with the prefix they are preferred.
        silencing: fields of which each, when given with the prefix, keeps `load` from reading any without.
    """

    unprefixed: ClassVar[tuple[str, ...]] = ()
    silencing: ClassVar[tuple[str, ...]] = ()

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        # Other programs' variables stand in the same .env file.
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def load(cls, *, env_file: Path | Literal["nearest"] | None = "nearest") -> Self:
        """Read the environment and a `.env` file: the nearest one, a given one, or with None no file at all.

        Raises:
            ConfigurationError: one sentence that names each wrong or missing variable.
        """
        path = find_env_file() if env_file == "nearest" else env_file
        try:
            # pydantic-settings itself would pass over a file that is not there.
            if path is not None:
                path.open().close()
            with read_unprefixed(cls, cls.unprefixed, cls.silencing, path) as bare:
                return cls._validated(path, bare)
        except SettingsError as error:
            found = re.search(r'field "(\w+)"', str(error))
            field = found[1] if found else ""
            variable = name_variable(cls, field) if field in cls.model_fields else cls.__name__
            raise errors.ConfigurationError(f"{variable} must be valid JSON.", variable=variable) from None
        except UnicodeDecodeError:
            raise errors.ConfigurationError(f"The file {path} is not UTF-8 text.") from None
        except OSError as error:
            raise errors.ConfigurationError(f"The file {path} cannot be read: {error.strerror}.") from error

    @classmethod
    def _validated(cls, path: Path | None, bare: dict[str, Any]) -> Self:
        try:
            return cls(_env_file=path, **bare)  # type: ignore[call-arg]  # pydantic-settings hides its own arguments.
        except ValidationError as error:
            # `from None`, here and above: what these exceptions know is the value itself.
            raise _explain(cls, error) from None

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the full name of the variable that a field is read from; while loading, the one it is taken from."""
        return field.upper() if is_unprefixed(field) else name_variable(cls, field)

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if not (isinstance(value, str) and not value.strip())}


def find_env_file(folder: Path | None = None) -> Path | None:
    """Return the nearest `.env` from the current folder up to the project's, None if there is no such file.

    Outside of any project only the current folder counts: a file further up was not meant for it.
    """
    folder = (folder or Path.cwd()).resolve()
    within = [folder]
    for parent in (folder, *folder.parents):
        if (parent / "pyproject.toml").is_file():
            within = [folder, *folder.parents[: len(folder.parts) - len(parent.parts)]]
            break
    return next((place / ".env" for place in within if (place / ".env").is_file()), None)


def _explain(settings: type[EnvironmentSettings], error: ValidationError) -> errors.ConfigurationError:
    """Return one sentence over all that is wrong."""
    problems = []
    variables = []
    # Inputs and contexts are left out: they hold the values.
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
    return errors.ConfigurationError("; ".join(problems) + ".", variable=variables[0] if variables else "")


def _find_field(settings: type[BaseSettings], location: str) -> str:
    """Return the field that pydantic names by itself or by its alias."""
    if location in settings.model_fields:
        return location
    return next((name for name in settings.model_fields if name_variable(settings, name) == location.upper()), "")
