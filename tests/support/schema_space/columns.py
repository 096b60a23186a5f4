"""Draw columns and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from schema_space.features import Features
from schema_space.names import column_names
from schema_space.spec import Column, Schema, Table, Unique
from schema_space.types import TYPES

__all__ = ["draw_column", "draw_key", "quoted"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_COMMENTS = ("In cents.", 'It\'s 100% "sure" :x', "\\d+")

# The columns of keys: type, default, identity, options; each with its feature.
_KEYS: tuple[tuple[str, tuple[str, str, str, str]], ...] = (
    ("", ("uuid", "sa.func.gen_random_uuid()", "", "")),
    ("", ("uuid", "", "", "default=uuid.uuid4")),
    ("", ("integer", "", "sa.Identity()", "")),
    ("", ("bigint", "", "sa.Identity(always=True)", "")),
    ("", ("bigint", "", "sa.Identity(start=100, increment=5)", "")),
    ("serial", ("integer", "", "", "autoincrement=True")),
    ("serial", ("bigint", "", "", "autoincrement=True")),
    ("", ("integer", "", "", "autoincrement=False")),
    ("", ("string", "", "", "")),
)


def quoted(name: str) -> str:
    """Return a name as PostgreSQL reads it."""
    if name.isascii() and name.isidentifier() and name.islower() and name not in {"order", "user", "select", "end"}:
        return name
    return '"' + name.replace('"', '""') + '"'


def draw_key(
    draw: Draw, features: Features, kind: str
) -> tuple[tuple[str | None, ...], tuple[Column, ...], dict[str, Any]]:
    """Return the primary key, its columns, and further fields of the table."""
    if kind == "TenantRoot":
        return _draw_root(draw, features)
    first = _draw_key_column(draw, features, "id")
    if kind in {"Shared", "Global"}:
        if draw(st.integers(0, 4)) == 4:
            second = Column("part", "part", draw(st.sampled_from(["string", "integer"])), options="autoincrement=False")
            return ("id", "part"), (first, second), {"identity": ("id", "part")}
        return ("id",), (first,), {"identity": ("id",)}
    layouts = ["composite", "composite"]
    if first.type == "uuid":
        layouts.append("surrogate")
    elif first.identity or "autoincrement=True" in first.options:
        layouts += features.among((("surrogate_number", "surrogate"),))
    if features.allow("key_of_three"):
        layouts.append("three")
    match draw(st.sampled_from(layouts)):
        case "surrogate":
            unique = Unique((None, "id"))
            return ("id",), (first,), {"identity": ("id",), "uniques": (unique,)}
        case "three":
            second = Column("part", "part", draw(st.sampled_from(["string", "integer"])), options="autoincrement=False")
            return (None, "id", "part"), (first, second), {"identity": ("id", "part")}
    return (None, "id"), (first,), {"identity": ("id",)}


def _draw_root(draw: Draw, features: Features) -> tuple[tuple[str | None, ...], tuple[Column, ...], dict[str, Any]]:
    if draw(st.booleans()):
        return (None,), (), {"identity": (), "tenant": ""}
    return ("id",), (_draw_key_column(draw, features, "id"),), {"identity": (), "tenant": ""}


def _draw_key_column(draw: Draw, features: Features, attribute: str) -> Column:
    kind, default, identity, options = draw(st.sampled_from(features.among(_KEYS)))
    name = draw(
        st.sampled_from([attribute, attribute, *features.among((("names_capital", "Id"), ("names_space", "row id")))])
    )
    return Column(attribute, name, kind, default=default, identity=identity, options=options)


def draw_column(draw: Draw, features: Features, schema: Schema, table: Table, attribute: str) -> Column:
    """Return an ordinary column."""
    taken = {column.name for column in table.columns} | {schema.tenant_column}
    name = draw(column_names(features).filter(lambda one: one not in taken))
    names = [key for key, kind in TYPES.items() if features.allow(kind.feature)]
    # Its CHECK has the name of the enum, so a table has one at most.
    named = {"checked_enum", "boolean_checked"}.intersection(column.type for column in table.columns)
    names = [key for key in names if key not in named]
    if schema.enums and draw(st.integers(0, 4)) == 4:
        item = draw(st.sampled_from(schema.enums))
        default = ""
        if draw(st.booleans()):
            label = draw(st.sampled_from(item.labels))
            default = repr(label.upper() if item.is_class else label)
        return Column(attribute, name, f"enum:{item.name}", nullable=draw(st.booleans()), default=default)
    kind = draw(st.sampled_from(names))
    nullable = draw(st.booleans())
    comment = draw(st.sampled_from(_COMMENTS)) if draw(st.integers(0, 7)) == 7 else ""
    special = draw(st.integers(0, 11))
    if special == 11 and features.allow("computed"):
        computed = _draw_computed(draw, features, table, attribute, name)
        if computed is not None:
            return computed
    if special == 10 and kind in {"integer", "bigint", "smallint"} and features.allow("identity_beside"):
        return Column(attribute, name, kind, identity="sa.Identity()", comment=comment)
    defaults = features.among(TYPES[kind].defaults)
    default = draw(st.sampled_from(defaults)) if defaults and draw(st.integers(0, 2)) == 2 else ""
    return Column(attribute, name, kind, nullable=nullable, default=default, comment=comment)


_COMPUTED = {
    "string": ("text", "lower({c})", "''"),
    "text": ("text", "upper({c}) || '%'", "''"),
    "integer": ("integer", "{c} * 2", "0"),
    "numeric": ("numeric_any", "{c} * 1.19", "0"),
}


def _draw_computed(draw: Draw, features: Features, table: Table, attribute: str, name: str) -> Column | None:
    sources = [column for column in table.columns if column.type in _COMPUTED and not column.is_generated]
    if not features.allow("computed_percent"):
        sources = [column for column in sources if column.type != "text"]
    if not sources:
        return None
    source = draw(st.sampled_from(sources))
    kind, expression, _ = _COMPUTED[source.type]
    sql = expression.format(c=quoted(source.name))
    return Column(attribute, name, kind, nullable=True, identity=f"sa.Computed({sql!r}, persisted=True)")
