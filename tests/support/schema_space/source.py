"""Write a schema as the Python source that a team would have written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schema_space.spec import Check, Column, Enum, Index, Reference, Schema, Table
from schema_space.types import TYPES

__all__ = ["write_source"]

_HEADER = """from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import (
    CreatedAt,
    Global,
    Shared,
    Tenancy,
    TenantBase,
    TenantLookup,
    TenantRoot,
    TenantScoped,
    Timestamps,
)
"""

_DECLARED = {
    "guid": """
class Guid(sa.types.TypeDecorator):
    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Uuid())
        return dialect.type_descriptor(sa.CHAR(32))
""",
    "duration": """
class Duration(sa.types.TypeDecorator):
    impl = sa.Interval
    cache_ok = True
""",
    "document": """
class Document(sa.types.TypeDecorator):
    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(pg.JSONB())
""",
}


def write_source(schema: Schema) -> str:
    """Return the source of the models."""
    types = [column.type for table in schema.tables for column in _columns(table)]
    declared = dict.fromkeys(TYPES[name].declares for name in types if name in TYPES)
    parts = [_HEADER]
    if schema.extensions:
        parts.append(f"EXTENSIONS = {schema.extensions!r}")
    parts += [_DECLARED[name] for name in declared if name]
    parts += [_enum(item, schema) for item in schema.enums if item.is_class]
    parts.append(_base(schema))
    parts += [_enum(item, schema) for item in schema.enums if not item.is_class]
    for table in schema.tables:
        parts.append(_table(table, schema))
        parts += [_single(child, table, schema) for child in table.single]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _columns(table: Table) -> Iterator[Column]:
    yield from table.columns
    for child in table.single:
        yield from child.columns


def _base(schema: Schema) -> str:
    arguments = [f"column={schema.tenant_column!r}", f"type={schema.tenant_type}"]
    if schema.setting:
        arguments.append(f"setting={schema.setting!r}")
    if schema.is_signed:
        arguments.append("signed_context=True")
    return f"""class Base(TenantBase, DeclarativeBase):
    tenancy: ClassVar[Tenancy] = Tenancy({", ".join(arguments)})"""


def _enum(item: Enum, schema: Schema) -> str:
    place = f", schema={item.schema!r}" if item.schema else ""
    if item.is_class:
        members = [f"    {label.upper()} = {label!r}" for label in item.labels]
        return "\n".join([f"class {_enum_class(item)}(enum.Enum):", *members])
    labels = ", ".join(map(repr, item.labels))
    return f"{_enum_class(item).upper()} = sa.Enum({labels}, name={item.name!r}{place}, metadata=Base.metadata)"


def _enum_class(item: Enum) -> str:
    return "".join(part.title() for part in item.name.replace("-", " ").replace("_", " ").replace('"', "").split())


def _table(table: Table, schema: Schema) -> str:
    bases = [*table.mixins, table.parent] if table.parent else [*filter(None, [table.kind]), *table.mixins, "Base"]
    lines = [f"class {table.cls}({', '.join(bases)}):", f"    __tablename__ = {table.name!r}"]
    lines += [f"    {line}" for line in table.settings]
    if table.tenant_key:
        lines.append(f"    __tenant_key__ = {schema.tenant_column!r}")
    lines += [f"    {line}" for line in _mapper(table)]
    lines += [f"    {line}" for line in _tenant(table, schema)]
    inline = {item.columns[0]: _foreign_key(item, schema) for item in table.references if item.is_inline}
    for column in table.columns:
        key = "primary_key=True" if table.is_inline and column.attribute in table.key else ""
        lines.append(f"    {_column(column, schema, inline.get(column.attribute, ''), key)}")
    lines += [f"    {_relationship(table, item, schema)}" for item in table.references if item.is_relationship]
    arguments = [f"        {item}," for item in _arguments(table, schema)]
    options = [f"{key!r}: {value!r}" for key, value in (("schema", table.schema), ("comment", table.comment)) if value]
    if options:
        arguments.append(f"        {{{', '.join(options)}}},")
    if arguments:
        lines += ["    __table_args__ = (", *arguments, "    )"]
    return "\n".join(lines)


def _single(child: Table, parent: Table, schema: Schema) -> str:
    """Write a class that shares the table of its parent."""
    identity = f"    __mapper_args__ = {{'polymorphic_identity': {child.cls.lower()!r}}}"
    lines = [f"class {child.cls}({parent.cls}):", identity]
    lines += [f"    {_column(column, schema)}" for column in child.columns]
    return "\n".join(lines)


def _mapper(table: Table) -> Iterator[str]:
    if table.discriminator:
        on, identity = table.discriminator, table.cls.lower()
        yield f'__mapper_args__ = {{"polymorphic_on": {on!r}, "polymorphic_identity": {identity!r}}}'
    elif table.parent:
        yield f'__mapper_args__ = {{"polymorphic_identity": {table.cls.lower()!r}}}'


def _tenant(table: Table, schema: Schema) -> Iterator[str]:
    if table.kind == "TenantRoot":
        unique = "primary_key=True" if None in table.key else "unique=True"
        options = f", {table.tenant}" if table.tenant not in {"annotation", ""} else ""
        arguments = f"{schema.tenant_type}, {unique}{options}"
        yield f"{schema.tenant_column}: Mapped[{_tenant_python(schema)}] = mapped_column({arguments})"
    elif table.kind == "TenantScoped":
        in_key = "primary_key=True" if table.is_inline and None in table.key else ""
        given = "" if table.tenant in {"annotation", "nothing"} else table.tenant
        python = _tenant_python(schema)
        if given or in_key:
            yield f"{schema.tenant_column}: Mapped[{python}] = mapped_column({_with(in_key, given)})"
        elif table.tenant == "annotation":
            yield f"{schema.tenant_column}: Mapped[{python}]"


def _tenant_python(schema: Schema) -> str:
    types = {"sa.Uuid()": "uuid.UUID", "sa.BigInteger()": "int", "sa.Integer()": "int"}
    return types.get(schema.tenant_type, "str")


def _column(column: Column, schema: Schema, reference: str = "", key: str = "") -> str:
    python, code = _type(column, schema)
    annotation = f"{python} | None" if column.nullable else python
    arguments = [repr(column.name)] if column.name != column.attribute else []
    arguments += [part for part in (code, reference, column.identity, key) if part]
    if column.default:
        arguments.append(f"server_default={column.default}")
    if column.comment:
        arguments.append(f"comment={column.comment!r}")
    if column.nullable and python == "Any":
        arguments.append("nullable=True")
    elif python == "Any":
        arguments.append("nullable=False")
    if column.options:
        arguments.append(column.options)
    value = f" = mapped_column({', '.join(arguments)})" if arguments else ""
    return f"{column.attribute}: Mapped[{annotation}]{value}"


def _type(column: Column, schema: Schema) -> tuple[str, str]:
    """Return the annotation and the source of the type; '' where the annotation is enough."""
    if column.type.startswith("enum:"):
        item = next(one for one in schema.enums if one.name == column.type.removeprefix("enum:"))
        if not item.is_class:
            return "str", _enum_class(item).upper()
        place = f", schema={item.schema!r}" if item.schema else ""
        return _enum_class(item), f"sa.Enum({_enum_class(item)}, name={item.name!r}{place})"
    if column.type == "tenant":
        return "Any", schema.tenant_type
    kind = TYPES[column.type]
    return kind.python, kind.code


def _foreign_key(reference: Reference, schema: Schema) -> str:
    target = schema.table(reference.target)
    place = f"{target.schema}." if target.schema else ""
    aim = f"{place}{target.name}.{target.column(target.identity[0]).name}"
    return f"sa.ForeignKey({_with(repr(aim), reference.options)})"


def _relationship(table: Table, reference: Reference, schema: Schema) -> str:
    target = schema.table(reference.target)
    keys = ", ".join(f"{table.cls}.{name}" for name in reference.columns)
    arguments = [repr(reference.target), f'foreign_keys="[{keys}]"']
    if target.cls == table.cls:
        remote = ", ".join(f"{table.cls}.{name}" for name in target.identity)
        arguments.append(f'remote_side="[{remote}]"')
    name = f"to_{reference.columns[0]}"
    return f"{name}: Mapped[{reference.target} | None] = relationship({', '.join(arguments)})"


def _arguments(table: Table, schema: Schema) -> Iterator[str]:
    """Yield constraints and indexes."""
    if not table.is_inline and (table.kind != "TenantRoot" or None not in table.key):
        yield f"sa.PrimaryKeyConstraint({_names(table, table.key, schema)})"
    for unique in table.uniques:
        name = f"name={unique.name!r}" if unique.name else ""
        yield f"sa.UniqueConstraint({_with(_names(table, unique.columns, schema), name, unique.options)})"
    for reference in (item for item in table.references if not item.is_inline):
        yield _reference(table, reference, schema)
    for index in table.indexes:
        yield _index(index)
    for check in table.checks:
        yield _check(check)


def _reference(table: Table, reference: Reference, schema: Schema) -> str:
    target = schema.table(reference.target)
    columns = [table.column(name).name for name in reference.columns]
    aims = [target.column(name).name for name in target.identity]
    if reference.has_tenant and target.kind in {"TenantScoped", "TenantRoot"}:
        columns, aims = [schema.tenant_column, *columns], [schema.tenant_column, *aims]
    place = f"{target.schema}." if target.schema else ""
    aimed = [f"{place}{target.name}.{name}" for name in aims]
    return f"sa.ForeignKeyConstraint({_with(repr(columns), repr(aimed), reference.options)})"


def _index(index: Index) -> str:
    return f"sa.Index({_with(repr(index.name or None), *index.parts, index.options)})"


def _check(check: Check) -> str:
    return f"sa.CheckConstraint({check.sql!r}, name={check.name!r})"


def _names(table: Table, attributes: Iterable[str | None], schema: Schema) -> str:
    names = [schema.tenant_column if item is None else table.column(item).name for item in attributes]
    return ", ".join(map(repr, names))


def _with(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
