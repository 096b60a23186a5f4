"""Write column types into revision files: the column's type in PostgreSQL, without the application's decorators.

A `TypeDecorator` may have another type in PostgreSQL than its `impl` (`load_dialect_impl`), and a revision must still
run when the application's class no longer exists. So decorators and variants are resolved as SQLAlchemy's compiler
resolves them.

The invariant: the written expression creates the same column. Each expression is evaluated before it is written, and
its result is compared with the model's type. An expression that fails, or has another result, is never written.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import CompileError
from sqlalchemy.types import NullType, TypeEngine

from tenantry import errors
from tenantry.postgres.tables.compiling import DIALECT, resolve

__all__ = ["write_type"]

# The fields of an enum. A column's DDL contains only the type's name, so they are compared too.
_NAMED = ("name", "schema", "enums", "create_constraint")


@dataclasses.dataclass
class _Text:
    """An expression, its import lines, and the names that it uses."""

    text: str
    imports: set[str] = dataclasses.field(default_factory=set)
    names: dict[str, Any] = dataclasses.field(default_factory=dict)

    def followed_by(self, text: str, *parts: _Text) -> _Text:
        """Return the expression followed by `text`, which contains `parts`."""
        imports = self.imports.union(*(part.imports for part in parts))
        names = {key: value for part in (self, *parts) for key, value in part.names.items()}
        return _Text(self.text + text, imports, names)


def write_type(item: TypeEngine[Any], context: AutogenContext) -> str:
    """Return the expression for the type in a revision, and add its imports to the context.

    Raises:
        MigrationError: no expression creates the same column.
    """
    if _is_unknown(item):
        # A type that reflection does not know. It occurs only in downgrades.
        return "sa.types.NullType()"
    written = _expression(item)
    context.imports.update(written.imports)
    return written.text


def _expression(item: TypeEngine[Any]) -> _Text:
    """Return the first expression that creates the same column."""
    try:
        wanted = _description(item)
    except CompileError as error:
        raise _refusal(item, f"It cannot be compiled for PostgreSQL: {error}") from error
    why = "Its class cannot be imported."
    plain = _without_creation(resolve(item))
    for candidate in (plain, item) if plain is not item else (plain,):
        for name in _classes_of(candidate):
            written = name.followed_by(*_arguments(candidate))
            found = _made_by(written)
            if found == wanted:
                return written
            if name.text.endswith(f".{type(candidate).__qualname__}"):
                why = f"`{written.text}` {'cannot be evaluated' if found is None else 'creates another type'}."
    raise _refusal(item, why)


def _without_creation(item: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return an enum that CREATE TABLE does not create, because it is an object of its own."""
    if isinstance(item, sa.Enum) and item.native_enum:
        return postgresql.ENUM(*map(str, item.enums), name=item.name, schema=item.schema, create_type=False)
    return item


def _is_unknown(item: TypeEngine[Any]) -> bool:
    member = getattr(item, "item_type", None) or getattr(item, "data_type", None)
    return type(item) is NullType or (isinstance(member, TypeEngine) and _is_unknown(member))


def _arguments(item: TypeEngine[Any]) -> tuple[str, *tuple[_Text, ...]]:
    """Return the arguments with parentheses, and the expressions among them."""
    if isinstance(item, sa.ARRAY):
        member = _expression(item.item_type)
        dimensions = "" if item.dimensions is None else f", dimensions={item.dimensions}"
        return f"({member.text}{dimensions})", member
    if isinstance(item, postgresql.DOMAIN):
        # The domain is an object of its own, so that only its name matters here.
        base = _expression(item.data_type)
        schema = f", schema={str(item.schema)!r}" if item.schema else ""
        return f"({str(item.name)!r}, {base.text}{schema}, create_type=False)", base
    if isinstance(item, sa.Enum):
        return (f"({', '.join(_enum_arguments(item))})",)
    if isinstance(item, (sa.JSON, postgresql.HSTORE)):
        # Its arguments affect only how Python reads a value, not the column.
        return ("()",)
    return (f"({repr(item).partition('(')[2] or ')'}",)


def _enum_arguments(item: sa.Enum) -> Iterator[str]:
    yield from (repr(str(label)) for label in item.enums)
    for field in ("name", "schema"):
        if getattr(item, field) is not None:
            yield f"{field}={str(getattr(item, field))!r}"
    if isinstance(item, postgresql.ENUM):
        yield "create_type=False"
    else:
        yield f"native_enum=False, length={item.length}"
    if item.create_constraint:
        yield "create_constraint=True"


def _classes_of(item: TypeEngine[Any]) -> Iterator[_Text]:
    """Yield the names of the class for a revision: SQLAlchemy's classes first, which the application cannot remove."""
    places: tuple[tuple[str, Any, set[str]], ...] = (
        ("sa", sa, set()),
        ("postgresql", postgresql, {"from sqlalchemy.dialects import postgresql"}),
    )
    for kind in type(item).__mro__:
        for prefix, module, imports in places:
            if issubclass(kind, TypeEngine) and getattr(module, kind.__name__, None) is kind:
                yield _Text(f"{prefix}.{kind.__name__}", imports, {prefix: module})
    last = _class_in_module(type(item))
    if last is not None:
        yield last


def _class_in_module(kind: type[Any]) -> _Text | None:
    """Return the name of a class, in the topmost package that has it."""
    parts = kind.__module__.split(".")
    for length in range(1, len(parts) + 1):
        module = ".".join(parts[:length])
        if getattr(sys.modules.get(module), kind.__qualname__, None) is kind:
            return _Text(f"{module}.{kind.__qualname__}", {f"import {module}"}, {parts[0]: sys.modules[parts[0]]})
    return None


def _made_by(written: _Text) -> tuple[Any, ...] | None:
    """Return the description of an expression's result; None if the expression cannot be evaluated."""
    try:
        made = eval(written.text, dict(written.names))  # noqa: S307  # the revision file runs the same expression
        return _description(made)
    except Exception:  # noqa: BLE001  # the application's constructor may raise any error
        return None


def _description(item: TypeEngine[Any]) -> tuple[Any, ...]:
    """Return the properties of a type that affect the database."""
    plain = resolve(item)
    parts: tuple[Any, ...] = (_compiled_type(item),)
    if isinstance(plain, sa.ARRAY):
        return (*parts, plain.dimensions, _description(plain.item_type))
    if isinstance(plain, postgresql.DOMAIN):
        return (*parts, _description(plain.data_type))
    if isinstance(plain, (sa.Enum, sa.Boolean)):
        parts += tuple(_plain_value(getattr(plain, field, None)) for field in _NAMED)
    return parts


def _compiled_type(item: TypeEngine[Any]) -> str:
    return str(DIALECT.type_compiler_instance.process(item))


def _plain_value(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else None if value is None else str(value)


def _refusal(item: TypeEngine[Any], why: str) -> errors.MigrationError:
    return errors.MigrationError(
        f"The type {item!r} of {type(item).__module__}.{type(item).__qualname__} cannot be written into a revision.",
        why=why,
        remedy="Define its class at the top level of a module, with a `__repr__` that is a valid constructor call.",
    )
