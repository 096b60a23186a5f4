"""Draw unique keys, CHECK constraints and indexes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from schema_space.columns import quoted
from schema_space.features import Features
from schema_space.spec import Check, Column, Index, Schema, Table, Unique
from schema_space.types import TYPES

__all__ = ["draw_checks", "draw_indexes", "draw_uniques"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_UNIQUE_TYPES = {"string", "integer", "uuid", "bigint", "date", "text"}


def draw_uniques(draw: Draw, features: Features, table: Table) -> Table:
    """Add unique keys, which lead with the tenant in a tenant's table."""
    columns = [column for column in table.columns if column.type in _UNIQUE_TYPES and not column.is_generated]
    columns = [column for column in columns if column.attribute not in table.key]
    if not columns or draw(st.integers(0, 2)) != 2:
        return table
    column = draw(st.sampled_from(columns))
    options = draw(
        st.sampled_from(
            [
                "",
                "",
                *features.among(
                    (("unique_deferrable", "deferrable=True"), ("unique_nulls", "postgresql_nulls_not_distinct=True"))
                ),
            ]
        )
    )
    name = draw(st.sampled_from(["", "", "uq_by_hand_" + table.cls.lower()]))
    lead: tuple[str | None, ...] = (None,) if table.kind == "TenantScoped" else ()
    unique = Unique((*lead, column.attribute), options, name)
    return replace(table, uniques=(*table.uniques, unique))


def draw_checks(draw: Draw, features: Features, table: Table) -> Table:
    """Add CHECK constraints over single columns."""
    found = []
    for column in table.columns:
        if column.type not in TYPES or column.attribute in table.key:
            continue
        checks = features.among(TYPES[column.type].checks)
        if checks and draw(st.integers(0, 3)) == 3:
            sql = draw(st.sampled_from(checks)).format(c=quoted(column.name).replace(":", "\\:"))
            found.append(Check(f"c_{column.attribute}", sql, (column.attribute,)))
    return replace(table, checks=tuple(found))


def draw_indexes(draw: Draw, features: Features, schema: Schema, table: Table) -> Table:
    """Add indexes; every tenant's table has one that leads with the tenant."""
    found: list[Index] = []
    columns = [column for column in table.columns if column.type in TYPES and TYPES[column.type].index]
    for number in range(draw(st.integers(0, 2)) if columns else 0):
        column = draw(st.sampled_from(columns))
        index = _draw_index(draw, features, schema, table, column, f"ix_{table.cls.lower()}_{number}")
        if index is not None:
            found.append(index)
    if table.kind == "TenantScoped" and None not in table.key[:1] and not table.uniques:
        found.append(Index((repr(schema.tenant_column),), ()))
    return replace(table, indexes=(*table.indexes, *found))


def _draw_index(
    draw: Draw, features: Features, schema: Schema, table: Table, column: Column, name: str
) -> Index | None:
    method = TYPES[column.type].index
    part = repr(column.name)
    tenant = (repr(schema.tenant_column),) if table.kind == "TenantScoped" else ()
    only = (column.attribute,)
    if method != "btree":
        if not features.allow(f"index_{method}"):
            return None
        return Index((part,), only, f"postgresql_using={method!r}", name)
    is_text = column.type in {"string", "text", "string_long", "string_any"}
    name_sql = quoted(column.name).replace(":", "\\:")
    choices: list[tuple[str, Index]] = [
        ("", Index((part,), only, "", "")),
        ("", Index((*tenant, part), only, "", "")),
        ("", Index((*tenant, part), only, "", name)),
        ("index_desc", Index((*tenant, f"{column.attribute}.desc()"), only, "", name)),
        ("index_desc_text", Index((*tenant, f"sa.text({name_sql + ' DESC'!r})"), only, "", name)),
        ("index_nulls", Index((f"{column.attribute}.desc().nulls_last()",), only, "", name)),
        ("index_partial_text", Index((part,), only, f"postgresql_where=sa.text({name_sql + ' IS NOT NULL'!r})", name)),
        ("index_partial_column", Index((part,), only, f"postgresql_where={column.attribute}.is_not(None)", name)),
        ("index_partial_string", Index((part,), only, f"postgresql_where={name_sql + ' IS NOT NULL'!r}", name)),
        ("index_fillfactor", Index((part,), only, "postgresql_with={'fillfactor': 70}", name)),
    ]
    if column.type in _UNIQUE_TYPES:
        choices.append(("index_hash", Index((part,), only, "postgresql_using='hash'", name)))
    if tenant:
        choices.append(("index_include", Index(tenant, only, f"postgresql_include=[{part}]", name)))
    if is_text:
        choices += [
            ("index_expression", Index((*tenant, f"sa.func.lower({column.attribute})"), only, "", name)),
            ("index_expression_text", Index((f"sa.text({f'lower({name_sql})'!r})",), only, "", name)),
            ("index_ops", Index((part,), only, f"postgresql_ops={{{column.name!r}: 'text_pattern_ops'}}", name)),
            (
                "index_partial_like",
                Index(
                    (part,),
                    only,
                    f"postgresql_where=sa.text({name_sql + chr(32) + repr('LIKE')[1:-1] + chr(32)!r} + \"'a%'\")",
                    name,
                ),
            ),
        ]
        if column.type != "text_collated" and not column.is_generated:
            choices.append(
                (
                    "index_unique_expression",
                    Index((*tenant, f"sa.func.lower({column.attribute})"), only, "unique=True", name),
                )
            )
    result: Index = draw(st.sampled_from(features.among(choices)))
    return result
