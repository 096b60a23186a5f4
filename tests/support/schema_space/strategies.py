"""Hypothesis strategies of schemas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from schema_space.columns import draw_column, draw_key, quoted
from schema_space.constraints import draw_checks, draw_indexes, draw_uniques
from schema_space.features import Features
from schema_space.names import table_names
from schema_space.spec import Column, Enum, Reference, Schema, Table, Unique
from schema_space.types import TYPES

__all__ = ["draw_references", "draw_table", "schemas"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_TENANTS = (
    ("", "sa.String(100)"),
    ("", "sa.Uuid()"),
    ("", "sa.BigInteger()"),
    ("tenant_text", "sa.Text()"),
    ("tenant_integer", "sa.Integer()"),
)
_TENANT_COLUMNS = (
    ("", "tenant_id"),
    ("", "organization_id"),
    ("names_capital", "tenantId"),
    ("tenant_reserved", "user"),
)
_ENUM_NAMES = (("", "mood"), ("", "order_state"), ("names_capital", "Priority"), ("names_space", "ticket state"))
_SCHEMAS = (("schema", "billing"), ("schema", "app_data"), ("schema_capital", "Sales"), ("schema_quote", 'odd "one"'))
_COMMENTS = ("A plain comment.", 'It\'s 100% "quoted": :x \\ and\nmore.', "naïve")
_ON_DELETE = (
    ("", ""),
    ("", "CASCADE"),
    ("", "RESTRICT"),
    ("ref_no_action", "NO ACTION"),
    ("ref_set_null", "SET NULL"),
    ("ref_set_default", "SET DEFAULT"),
)


@st.composite
def schemas(draw: Draw, features: Features) -> Schema:
    """Return models with one to four tables."""
    schema = Schema(
        tenant_column=draw(st.sampled_from(features.among(_TENANT_COLUMNS))),
        tenant_type=draw(st.sampled_from(features.among(_TENANTS))),
        setting=draw(st.sampled_from(["", "", "shop.account"])),
        enums=_draw_enums(draw, features),
        is_signed=features.allow("signed") and draw(st.integers(0, 9)) == 9,
    )
    count = draw(st.integers(1, 4))
    for number in range(count):
        schema = replace(schema, tables=(*schema.tables, draw_table(draw, features, schema, number)))
    schema = _derive_classes(draw, features, schema)
    if features.allow("ref_circle") and draw(st.integers(0, 9)) == 9:
        schema = _close_circle(draw, schema)
    extensions = {
        TYPES[column.type].extension for table in schema.tables for column in table.columns if column.type in TYPES
    }
    return replace(schema, extensions=tuple(sorted(extensions - {""})))


def _derive_classes(draw: Draw, features: Features, schema: Schema) -> Schema:
    """Let one table have subclasses: in the same table, or in tables of their own."""
    kinds = features.among((("inheritance_single", "single"), ("inheritance_joined", "joined")))
    roots = [table for table in schema.tables if _may_derive(table)]
    if not kinds or not roots or draw(st.integers(0, 3)) != 3:
        return schema
    root = draw(st.sampled_from(roots))
    marker = Column("discriminator", "discriminator", "string")
    base = replace(root, columns=(*root.columns, marker), discriminator="discriminator")
    child = Table(f"{root.cls}Child", f"{root.name[:30]}_more", root.kind, root.key, (), schema=root.schema)
    for index in range(draw(st.integers(0, 3))):
        column = draw_column(draw, features, schema, child, f"more{index}")
        child = replace(child, columns=(*child.columns, replace(column, name=f"more {column.name[:20]}")))
    if draw(st.sampled_from(kinds)) == "single":
        nullable = [replace(column, nullable=True, default="") for column in child.columns if not column.identity]
        base = replace(base, single=(replace(child, columns=tuple(nullable)),))
        return replace(schema, tables=tuple(base if one.cls == root.cls else one for one in schema.tables))
    keys = [root.column(name) for name in root.key if name is not None]
    own = [Column(key.attribute, key.name, key.type, options="autoincrement=False") for key in keys]
    names = tuple(key.attribute for key in keys)
    child = replace(
        child,
        columns=(*own, *child.columns),
        parent=root.cls,
        references=(Reference(names, root.cls, 'ondelete="CASCADE"'),),
    )
    place = schema.tables.index(root)
    return replace(schema, tables=(*schema.tables[:place], base, child, *schema.tables[place + 1 :]))


def _may_derive(table: Table) -> bool:
    if any("__partitions__" in one or "__privileges__" in one for one in table.settings):
        return False
    is_whole = set(table.identity) == {name for name in table.key if name is not None}
    return is_whole and (table.kind == "Global" or (table.kind == "TenantScoped" and table.key[0] is None))


def _draw_enums(draw: Draw, features: Features) -> tuple[Enum, ...]:
    if not features.allow("enum"):
        return ()
    names = draw(st.lists(st.sampled_from(features.among(_ENUM_NAMES)), unique=True, max_size=2))
    found = []
    for name in names:
        is_class = features.allow("enum_class") and draw(st.booleans())
        odd = ("it's", "50%", "a b") if features.allow("enum_odd_labels") and not is_class else ()
        labels = draw(
            st.lists(st.sampled_from(["calm", "wild", "open", "closed", *odd]), min_size=1, max_size=4, unique=True)
        )
        place = draw(st.sampled_from(["", *features.among((("enum_schema", "billing"),))]))
        found.append(Enum(name, tuple(labels), is_class, place))
    return tuple(found)


def draw_table(draw: Draw, features: Features, schema: Schema, number: int) -> Table:
    taken = {table.name for table in schema.tables}
    kinds = ["TenantScoped", "TenantScoped", "TenantScoped", "Shared", "Global", "TenantRoot"]
    if any(table.kind == "TenantRoot" for table in schema.tables):
        kinds.remove("TenantRoot")
    kind = draw(st.sampled_from(kinds))
    name = draw(table_names(features).filter(lambda one: one not in taken))
    place = draw(st.sampled_from(["", "", "", *features.among(_SCHEMAS)]))
    key, columns, options = draw_key(draw, features, kind)
    table = Table(f"T{number}", name, kind, key, columns, schema=place, **options)
    for index in range(draw(st.integers(0, 5))):
        table = replace(table, columns=(*table.columns, draw_column(draw, features, schema, table, f"c{index}")))
    table = draw_references(draw, features, schema, table)
    table = replace(table, mixins=_draw_mixins(draw, features), **_draw_styles(draw, features, table))
    table = draw_uniques(draw, features, table)
    table = draw_checks(draw, features, table)
    table = draw_indexes(draw, features, schema, table)
    if draw(st.integers(0, 5)) == 5:
        table = replace(table, comment=draw(st.sampled_from(_COMMENTS)))
    table = replace(table, settings=_draw_settings(draw, features, table))
    return _draw_lookup(draw, features, table)


def _draw_styles(draw: Draw, features: Features, table: Table) -> dict[str, Any]:
    """Return in which of several ways the author wrote the key and the tenant column."""
    styles: dict[str, Any] = {}
    if features.allow("key_inline") and not (table.kind == "TenantRoot" and None in table.key):
        styles["is_inline"] = draw(st.booleans())
    if table.kind == "TenantScoped":
        ways = features.among((("", "annotation"), ("tenant_left_out", "nothing"), ("tenant_index", "index=True")))
        styles["tenant"] = draw(st.sampled_from(ways))
    return styles


def _draw_mixins(draw: Draw, features: Features) -> tuple[str, ...]:
    return draw(st.sampled_from([(), (), ("CreatedAt",), *features.among((("timestamps", ("Timestamps",)),))]))  # type: ignore[no-any-return]


def _draw_settings(draw: Draw, features: Features, table: Table) -> tuple[str, ...]:
    found: list[str] = []
    if _may_have_partitions(features, table) and draw(st.integers(0, 7)) == 7:
        found.append(f"__partitions__ = {draw(st.sampled_from([1, 2, 3]))}")
    if draw(st.integers(0, 9)) == 9:
        privileges = '("SELECT",)' if table.kind == "Shared" else '("SELECT", "INSERT")'
        found.append(f"__privileges__ = {privileges}")
    return tuple(found)


def _draw_lookup(draw: Draw, features: Features, table: Table) -> Table:
    """Let a tenant be found by a global key of the table."""
    known = {"string", "uuid", "integer", "bigint", "text"}
    columns = [one for one in table.columns if one.type in known and not one.nullable and not one.is_generated]
    columns = [one for one in columns if one.attribute not in table.key]
    is_plain = table.kind == "TenantScoped" and not any("__partitions__" in one for one in table.settings)
    if not columns or not is_plain or not features.allow("lookup") or draw(st.integers(0, 4)) != 4:
        return table
    column = draw(st.sampled_from(columns))
    if any(column.attribute in reference.columns for reference in table.references):
        return table
    lookup = f"__lookups__ = (TenantLookup({column.name!r}),)"
    return replace(table, uniques=(*table.uniques, Unique((column.attribute,))), settings=(*table.settings, lookup))


def _may_have_partitions(features: Features, table: Table) -> bool:
    is_self = any(reference.target == table.cls for reference in table.references)
    return (
        features.allow("partitions")
        and (features.allow("partitions_ref") or not is_self)
        and table.kind == "TenantScoped"
        and None in table.key
        and all(None in unique.columns for unique in table.uniques)
        and not _has_unique_index(table)
    )


def _has_unique_index(table: Table) -> bool:
    return any("unique=True" in index.options for index in table.indexes)


def draw_references(draw: Draw, features: Features, schema: Schema, table: Table) -> Table:
    """Add references to earlier tables, and to the table itself."""
    targets = [target for target in schema.tables if _may_refer(table, target)]
    if not features.allow("partitions_ref"):
        targets = [target for target in targets if not any("__partitions__" in one for one in target.settings)]
    if features.allow("ref_self") and table.identity:
        targets.append(table)
    for number in range(draw(st.integers(0, 2)) if targets else 0):
        target = draw(st.sampled_from(targets))
        table = _refer(draw, features, schema, table, target, f"r{number}")
    return table


def _may_refer(table: Table, target: Table) -> bool:
    if table.kind == "TenantScoped":
        return True
    return target.kind in {"Shared", "Global"} and table.kind in {"Shared", "Global", "TenantRoot"}


def _refer(draw: Draw, features: Features, schema: Schema, table: Table, target: Table, prefix: str) -> Table:
    del schema
    isolated = target.kind in {"TenantScoped", "TenantRoot"}
    is_self = target.cls == table.cls
    nullable = is_self or draw(st.booleans())
    columns = []
    for index, name in enumerate(target.identity):
        aim = target.column(name)
        columns.append(Column(f"{prefix}_{index}", f"{prefix}_{index}", aim.type, nullable=nullable))
    if not columns and any(item.target == target.cls for item in table.references):
        return table
    on_delete = draw(st.sampled_from(features.among(_ON_DELETE)))
    if (
        table.kind not in {"Shared", "Global"}
        and target.kind == "Global"
        and on_delete in {"CASCADE", "SET NULL", "SET DEFAULT"}
    ):
        on_delete = ""  # It is refused, because a tenant's deletion would reach rows of others.
    if on_delete == "SET NULL":
        if not nullable or not columns:
            on_delete = ""
        elif isolated:
            names = ", ".join(quoted(column.name) for column in columns)
            on_delete = f"SET NULL ({names})" if features.allow("ref_set_null_columns") else ""
    if on_delete == "SET DEFAULT" and (isolated or not nullable):
        on_delete = ""
    options = [f"ondelete={on_delete!r}"] if on_delete else []
    if (isolated or target.kind == "Shared" or table.kind in {"Shared", "Global"}) and draw(st.integers(0, 5)) == 5:
        options.append('onupdate="CASCADE"')
    if features.allow("ref_deferrable") and draw(st.integers(0, 7)) == 7:
        options.append('deferrable=True, initially="DEFERRED"')
    reference = Reference(
        tuple(column.attribute for column in columns),
        target.cls,
        ", ".join(options),
        is_relationship=bool(columns) and features.allow("relationship") and draw(st.booleans()),
        is_inline=len(columns) == 1 and features.allow("ref_inline") and draw(st.booleans()),
    )
    return replace(table, columns=(*table.columns, *columns), references=(*table.references, reference))


def _close_circle(draw: Draw, schema: Schema) -> Schema:
    """Let an early table refer to a later one, which refers to it."""
    pairs = [
        (target, table)
        for table in schema.tables
        for reference in table.references
        for target in schema.tables
        if target.cls == reference.target != table.cls and target.kind == table.kind and table.identity
    ]
    if not pairs:
        return schema
    early, late = draw(st.sampled_from(pairs))
    columns = [
        Column(f"back_{index}", f"back_{index}", late.column(name).type, nullable=True)
        for index, name in enumerate(late.identity)
    ]
    reference = Reference(tuple(column.attribute for column in columns), late.cls, 'use_alter=True, name="fk_back"')
    changed = replace(early, columns=(*early.columns, *columns), references=(*early.references, reference))
    return replace(schema, tables=tuple(changed if one.cls == early.cls else one for one in schema.tables))
