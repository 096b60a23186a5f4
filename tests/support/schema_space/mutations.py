"""One change of a schema, as a team makes it between two releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import assume
from hypothesis import strategies as st

from schema_space.columns import draw_column, quoted
from schema_space.features import Features
from schema_space.spec import Check, Column, Index, Schema, Table
from schema_space.strategies import draw_references, draw_table
from schema_space.types import TYPES

__all__ = ["CHANGES", "changes"]

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


class Changing:
    """What a change has at hand: the schema, and one of its tables with one of the table's columns."""

    def __init__(self, draw: Draw, features: Features, schema: Schema) -> None:
        self.draw = draw
        self.features = features
        self.schema = schema
        self.table: Table = draw(st.sampled_from(schema.tables))

    def choose(self, choices: Any) -> Any:
        """Return one of the choices; without any, another example is tried."""
        found = list(choices)
        assume(found)
        return self.draw(st.sampled_from(found))

    def with_table(self, **changed: Any) -> Schema:
        """Return the schema in which the table has other fields."""
        table = replace(self.table, **changed)
        return replace(self.schema, tables=tuple(table if one.cls == table.cls else one for one in self.schema.tables))

    def with_column(self, column: Column, **changed: Any) -> Schema:
        """Return the schema in which a column of the table has other fields."""
        new = replace(column, **changed)
        return self.with_table(
            columns=tuple(new if one.attribute == new.attribute else one for one in self.table.columns)
        )

    def plain_columns(self) -> list[Column]:
        """Return the columns that are no part of a key, and that a client writes."""
        table = self.table
        keys = {*table.key, *table.identity, table.discriminator}
        return [one for one in table.columns if one.attribute not in keys and not one.identity and not one.options]

    def free_columns(self) -> list[Column]:
        """Return those that nothing else of the table needs."""
        used = set(self.table.used())
        return [one for one in self.plain_columns() if one.attribute not in used and not self._is_source(one)]

    def is_referred(self, table: Table) -> bool:
        """Return whether another table refers to a table."""
        others = [one for one in self.schema.tables if one.cls != table.cls]
        return any(table.cls in {one.parent, *(item.target for item in one.references)} for one in others)

    def _is_source(self, column: Column) -> bool:
        return any(quoted(column.name) in one.identity for one in self.table.columns if one.is_generated)


_Change: TypeAlias = Callable[[Changing], Schema]


@st.composite
def changes(draw: Draw, features: Features, schemas: st.SearchStrategy[Schema]) -> tuple[Schema, Schema]:
    """Return models before and after one change."""
    schema = draw(schemas)
    names = [name for name in CHANGES if features.allow(f"change_{name}")]
    changed = CHANGES[draw(st.sampled_from(names))](Changing(draw, features, schema))
    assume(changed != schema)
    return schema, changed


def _add_table(it: Changing) -> Schema:
    table = draw_table(it.draw, it.features, it.schema, len(it.schema.tables) + 10)
    return replace(it.schema, tables=(*it.schema.tables, table))


def _drop_table(it: Changing) -> Schema:
    last = it.schema.tables[-1]
    assume(len(it.schema.tables) > 1 and not it.is_referred(last))
    return replace(it.schema, tables=it.schema.tables[:-1])


def _add_enum_value(it: Changing) -> Schema:
    item = it.choose(it.schema.enums)
    grown = replace(item, labels=(*item.labels, "brand_new"))
    return replace(it.schema, enums=tuple(grown if one == item else one for one in it.schema.enums))


def _add_column(it: Changing) -> Schema:
    column = draw_column(it.draw, it.features, it.schema, it.table, "added")
    return it.with_table(columns=(*it.table.columns, column))


def _drop_column(it: Changing) -> Schema:
    column = it.choose(it.free_columns())
    return it.with_table(columns=tuple(one for one in it.table.columns if one != column))


def _rename_column(it: Changing) -> Schema:
    column = it.choose(it.free_columns())
    return it.with_column(column, name=f"{column.name[:30]} renamed")


def _change_type(it: Changing) -> Schema:
    column = it.choose(one for one in it.free_columns() if one.type in TYPES and TYPES[one.type].wider)
    names = [name for name in TYPES[column.type].wider if it.features.allow(TYPES[name].feature)]
    kind = it.choose(names)
    defaults = [default for _, default in TYPES[kind].defaults]
    return it.with_column(column, type=kind, default=column.default if column.default in defaults else "")


def _change_nullable(it: Changing) -> Schema:
    column = it.choose(it.plain_columns())
    return it.with_column(column, nullable=not column.nullable)


def _change_default(it: Changing) -> Schema:
    column = it.choose(one for one in it.plain_columns() if one.type in TYPES)
    defaults = ["", *it.features.among(TYPES[column.type].defaults)]
    return it.with_column(column, default=it.choose(one for one in defaults if one != column.default))


def _change_comment(it: Changing) -> Schema:
    column = it.choose([None, *it.table.columns])
    if column is None:
        return it.with_table(comment="" if it.table.comment else "It's 100% new.")
    return it.with_column(column, comment="" if column.comment else "It's 100% new.")


def _change_check(it: Changing) -> Schema:
    """Add a CHECK, drop it, or give it another condition under the same name."""
    column = it.choose(one for one in it.plain_columns() if one.type in TYPES and TYPES[one.type].checks)
    name = f"c_{column.attribute}"
    texts = it.features.among(TYPES[column.type].checks)
    conditions = [sql.format(c=quoted(column.name).replace(":", "\\:")) for sql in texts]
    condition = it.choose(["", *conditions])
    others = [one for one in it.table.checks if one.name != name]
    added = [Check(name, condition, (column.attribute,))] if condition else []
    return it.with_table(checks=(*others, *added))


def _add_index(it: Changing) -> Schema:
    methods = ("btree", *it.features.among((("index_gin", "gin"), ("index_gist", "gist"))))
    column = it.choose(one for one in it.table.columns if one.type in TYPES and TYPES[one.type].index in methods)
    method = TYPES[column.type].index
    options = f"postgresql_using={method!r}" if method != "btree" else ""
    name = it.choose(["", "ix_added"])
    return it.with_table(indexes=(*it.table.indexes, Index((repr(column.name),), (column.attribute,), options, name)))


def _change_index(it: Changing) -> Schema:
    """Make an index partial, under the same name."""
    index = it.choose(one for one in it.table.indexes if one.name and one.columns and not one.options)
    name = quoted(it.table.column(index.columns[0]).name).replace(":", "\\:")
    changed = replace(index, options=f"postgresql_where=sa.text({name + ' IS NOT NULL'!r})")
    return it.with_table(indexes=tuple(changed if one == index else one for one in it.table.indexes))


def _drop_index(it: Changing) -> Schema:
    index = it.choose(one for one in it.table.indexes if one.columns)
    return it.with_table(indexes=tuple(one for one in it.table.indexes if one != index))


def _drop_unique(it: Changing) -> Schema:
    unique = it.choose(one for one in it.table.uniques if not set(one.columns) & set(it.table.identity))
    return it.with_table(uniques=tuple(one for one in it.table.uniques if one != unique))


def _drop_reference(it: Changing) -> Schema:
    assume(not it.table.parent)
    reference = it.choose(it.table.references)
    return it.with_table(references=tuple(one for one in it.table.references if one != reference))


def _add_reference(it: Changing) -> Schema:
    assume(not it.table.references and not it.table.parent and it.table.kind != "TenantRoot")
    earlier = replace(it.schema, tables=it.schema.tables[: it.schema.tables.index(it.table)])
    return it.with_table(**_fields(draw_references(it.draw, it.features, earlier, it.table)))


def _change_reference(it: Changing) -> Schema:
    reference = it.choose(one for one in it.table.references if "ondelete" not in one.options)
    options = ", ".join(filter(None, [reference.options, 'ondelete="RESTRICT"']))
    changed = replace(reference, options=options)
    return it.with_table(references=tuple(changed if one == reference else one for one in it.table.references))


def _change_timestamps(it: Changing) -> Schema:
    assume(not it.table.parent)
    return it.with_table(
        mixins=it.choose(one for one in ((), ("CreatedAt",), ("Timestamps",)) if one != it.table.mixins)
    )


def _change_privileges(it: Changing) -> Schema:
    assume(it.table.kind in {"TenantScoped", "Global"} and not it.table.settings and not it.table.parent)
    return it.with_table(settings=('__privileges__ = ("SELECT",)',))


def _fields(table: Table) -> dict[str, Any]:
    """Return the fields that a reference changes."""
    return {"columns": table.columns, "references": table.references}


CHANGES: Mapping[str, _Change] = {
    "add_table": _add_table,
    "drop_table": _drop_table,
    "add_enum_value": _add_enum_value,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "type": _change_type,
    "nullable": _change_nullable,
    "default": _change_default,
    "comment": _change_comment,
    "check": _change_check,
    "add_index": _add_index,
    "index": _change_index,
    "drop_index": _drop_index,
    "drop_unique": _drop_unique,
    "add_reference": _add_reference,
    "drop_reference": _drop_reference,
    "reference": _change_reference,
    "timestamps": _change_timestamps,
    "privileges": _change_privileges,
}
