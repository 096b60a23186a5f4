"""One change of a schema, as a team makes it between two releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from schema_space.columns import draw_column, quoted
from schema_space.features import Features
from schema_space.spec import Check, Column, Index, Schema, Table
from schema_space.strategies import draw_references, draw_table
from schema_space.types import TYPES

__all__ = ["changes"]

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def changes(draw: Draw, features: Features, schemas: st.SearchStrategy[Schema]) -> tuple[Schema, Schema]:
    """Return models before and after one change."""
    schema = draw(schemas)
    possible = [*_of_schema(features, schema)]
    for table in schema.tables:
        possible += [_in_table(table, change) for change in _of_table(draw, features, schema, table)]
    change = draw(st.sampled_from(possible))
    return schema, change(draw, schema)


_Change = Callable[[Draw, Schema], Schema]


def _in_table(table: Table, change: Callable[[Draw, Table], Table]) -> _Change:
    """Return the change of a schema that changes one of its tables."""

    def apply(draw: Draw, schema: Schema) -> Schema:
        changed = change(draw, table)
        return replace(schema, tables=tuple(changed if one.cls == table.cls else one for one in schema.tables))

    return apply


def _of_schema(features: Features, schema: Schema) -> Iterator[_Change]:
    if features.allow("change_add_table"):
        yield lambda draw, old: replace(
            old, tables=(*old.tables, draw_table(draw, features, old, len(old.tables) + 10))
        )
    last = schema.tables[-1]
    if len(schema.tables) > 1 and features.allow("change_drop_table") and not _is_referred(schema, last):
        yield lambda _draw, old: replace(old, tables=old.tables[:-1])
    if features.allow("change_enum"):
        for item in schema.enums:
            grown = replace(item, labels=(*item.labels, "brand_new"))
            yield lambda _draw, old, item=item, grown=grown: replace(
                old, enums=tuple(grown if one == item else one for one in old.enums)
            )


def _is_referred(schema: Schema, table: Table) -> bool:
    others = (one for one in schema.tables if one.cls != table.cls)
    return any(reference.target == table.cls for one in others for reference in one.references)


def _of_table(draw: Draw, features: Features, schema: Schema, table: Table) -> Iterator[Callable[[Draw, Table], Table]]:
    """Yield the changes that a table allows."""
    used = set(table.used())
    referred = set(table.identity) if _is_referred(schema, table) else set()
    yield lambda draw, old: _add_column(draw, features, schema, old)
    yield lambda _draw, old: replace(old, comment="A changed comment." if old.comment != "A changed comment." else "")
    if not table.mixins:
        yield lambda _draw, old: replace(old, mixins=("Timestamps",))
    elif table.mixins in {("Timestamps",), ("CreatedAt",)}:
        yield lambda _draw, old: replace(old, mixins=())
    for column in table.columns:
        name = column.attribute
        is_free = name not in used and not _is_source(table, column)
        if is_free:
            yield lambda _draw, old, name=name: _drop_column(old, name)
        if name in table.key or name in referred or column.is_generated:
            continue
        yield lambda _draw, old, column=column: _replace_column(old, replace(column, comment=column.comment + "More."))
        if not column.identity and column.options == "":
            yield lambda _draw, old, column=column: _replace_column(old, replace(column, nullable=not column.nullable))
        if column.type in TYPES and not column.identity:
            yield from _of_column(features, table, column, is_free=is_free)
    yield from _of_parts(features, schema, table)


def _of_column(
    features: Features, table: Table, column: Column, *, is_free: bool
) -> Iterator[Callable[[Draw, Table], Table]]:
    kind = TYPES[column.type]
    for other in kind.wider:
        is_source = _is_source(table, column)
        if is_free and not is_source and features.allow(TYPES[other].feature) and features.allow("change_type"):
            default = column.default if column.default in [each for _, each in TYPES[other].defaults] else ""
            yield lambda _draw, old, other=other, default=default: _replace_column(
                old, replace(column, type=other, default=default)
            )
    defaults = [default for default in features.among(kind.defaults) if default != column.default]
    if defaults:
        yield lambda draw, old: _replace_column(old, replace(column, default=draw(st.sampled_from(defaults))))
    if column.default:
        yield lambda _draw, old: _replace_column(old, replace(column, default=""))
    checks = [sql.format(c=quoted(column.name).replace(":", "\\:")) for sql in features.among(kind.checks)]
    if checks:
        yield lambda draw, old: _change_check(draw, old, column, checks)
    if kind.index:
        method = f"postgresql_using={kind.index!r}" if kind.index != "btree" else ""
        index = Index((repr(column.name),), (column.attribute,), method, "ix_added")
        if features.allow(f"index_{kind.index}"):
            yield lambda _draw, old: replace(old, indexes=(*old.indexes, index))
        if kind.index == "btree":
            where = f"postgresql_where=sa.text({quoted(column.name).replace(':', chr(92) + ':') + ' IS NOT NULL'!r})"
            yield lambda _draw, old: replace(
                old, indexes=(*old.indexes, replace(index, options=where, name="ix_added_partial"))
            )


def _of_parts(features: Features, schema: Schema, table: Table) -> Iterator[Callable[[Draw, Table], Table]]:
    for check in table.checks:
        yield lambda _draw, old, check=check: replace(old, checks=tuple(one for one in old.checks if one != check))
    named = [index for index in table.indexes if index.columns]
    for index in named:
        yield lambda _draw, old, index=index: replace(old, indexes=tuple(one for one in old.indexes if one != index))
    for unique in table.uniques:
        if not set(unique.columns) & set(table.identity):
            yield lambda _draw, old, unique=unique: replace(
                old, uniques=tuple(one for one in old.uniques if one != unique)
            )
    for reference in table.references:
        yield lambda _draw, old, reference=reference: replace(
            old, references=tuple(one for one in old.references if one != reference)
        )
        if "ondelete" not in reference.options and "use_alter" not in reference.options:
            changed = replace(reference, options=", ".join(filter(None, [reference.options, 'ondelete="RESTRICT"'])))
            yield lambda _draw, old, reference=reference, changed=changed: replace(
                old, references=tuple(changed if one == reference else one for one in old.references)
            )
    if table.kind in {"TenantScoped", "Global"} and not table.settings:
        yield lambda _draw, old: replace(old, settings=('__privileges__ = ("SELECT",)',))
    if not table.references and table.kind != "TenantRoot":
        yield lambda draw, old: draw_references(draw, features, _before(schema, table), old)


def _before(schema: Schema, table: Table) -> Schema:
    """Return the tables that a table may refer to without a circle."""
    return replace(schema, tables=schema.tables[: schema.tables.index(table)])


def _add_column(draw: Draw, features: Features, schema: Schema, table: Table) -> Table:
    column = draw_column(draw, features, schema, table, "added")
    # A column that is added must have a value for the rows that exist.
    if not column.nullable and not column.default and not column.identity:
        column = replace(column, nullable=True)
    return replace(table, columns=(*table.columns, column))


def _drop_column(table: Table, attribute: str) -> Table:
    return replace(table, columns=tuple(column for column in table.columns if column.attribute != attribute))


def _replace_column(table: Table, column: Column) -> Table:
    return replace(table, columns=tuple(column if one.attribute == column.attribute else one for one in table.columns))


def _change_check(draw: Draw, table: Table, column: Column, checks: list[str]) -> Table:
    """Add a CHECK, or give another condition to the one that exists, under the same name."""
    name = f"c_{column.attribute}"
    present = {check.sql for check in table.checks if check.name == name}
    others = [check for check in table.checks if check.name != name]
    choices = [sql for sql in checks if sql not in present]
    if not choices:
        return replace(table, checks=tuple(others))
    return replace(table, checks=(*others, Check(name, draw(st.sampled_from(choices)), (column.attribute,))))


def _is_source(table: Table, column: Column) -> bool:
    """Return whether a generated column is computed from the column."""
    return any(quoted(column.name) in other.identity for other in table.columns if other.is_generated)
