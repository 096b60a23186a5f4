"""The variables of a settings class: name, kind, default and description of each.

The reference's tables and the error messages use the same words, so that both stay correct.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import AliasChoices, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    SecretStr: "text",
    SecretBytes: "text",
    Path: "a path",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable; `default` is None if it has no default, or if it is a secret.

    `unprefixed` is the name without prefix if that is also read, else empty.
    """

    name: str
    field: str
    kind: str
    default: str | None
    description: str
    is_secret: bool
    is_required: bool
    unprefixed: str = ""


def list_variables(settings: type[BaseSettings]) -> tuple[Variable, ...]:
    """Return every variable that a settings class reads, in the order of its fields."""
    return tuple(
        Variable(
            name=name_variable(settings, name),
            field=name,
            kind=describe_kind(field),
            default=_describe_default(field),
            description=field.description or "",
            is_secret=is_secret(field),
            is_required=field.is_required(),
            unprefixed=name.upper() if name in getattr(settings, "unprefixed", ()) else "",
        )
        for name, field in settings.model_fields.items()
    )


def name_variable(settings: type[BaseSettings], field: str) -> str:
    """Return the name of a field's variable: the prefix and the field's name, or its alias without prefix."""
    alias = settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    if isinstance(alias, str):
        return alias.upper()
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def is_secret(field: FieldInfo) -> bool:
    """True if pydantic hides the field's value."""
    return bool({SecretStr, SecretBytes} & set(_choices(field.annotation)))


def describe_kind(field: FieldInfo) -> str:
    """Return the rule for a value, such as `a whole number, at least 1`; empty for a type without a plain word."""
    words = []
    for choice in _choices(field.annotation):
        if get_origin(choice) is Literal:
            words.append("one of " + ", ".join(str(value) for value in get_args(choice)))
        elif choice in _WORDS:
            words.append(_WORDS[choice])
        else:
            return ""
    bounds = [_describe_bound(bound) for bound in field.metadata]
    return ", ".join([" or ".join(words), *filter(None, bounds)])


def _choices(annotation: Any) -> list[Any]:
    """Return the types of a union, without None, which stands for a variable that is not set."""
    if get_origin(annotation) in {typing.Union, types.UnionType}:
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return [] if annotation is type(None) else [annotation]


def _describe_bound(bound: Any) -> str:
    match bound:
        case annotated_types.Ge(ge=limit):
            return f"at least {limit}"
        case annotated_types.Gt(gt=limit):
            return f"more than {limit}"
        case annotated_types.Le(le=limit):
            return f"at most {limit}"
        case annotated_types.Lt(lt=limit):
            return f"less than {limit}"
        case _:
            return ""


def _describe_default(field: FieldInfo) -> str | None:
    if is_secret(field) or field.default is None or field.default is PydanticUndefined:
        return None
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
