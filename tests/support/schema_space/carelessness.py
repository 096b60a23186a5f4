"""Schemas with one thing that their author left out or got wrong: each is refused in a sentence, or completed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import assume
from hypothesis import strategies as st

from schema_space.features import Features
from schema_space.mutations import Changing
from schema_space.spec import Index, Reference, Schema, Unique
from schema_space.types import TYPES

__all__ = ["careless_schemas"]

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

_TENANT_COLUMNS = ("index=True", "nullable=True", "primary_key=True", "sa.String(30)", "server_default='somebody'")


@st.composite
def careless_schemas(draw: Draw, features: Features, schemas: st.SearchStrategy[Schema]) -> Schema:
    """Return a schema with one such thing."""
    schema = draw(schemas)
    names = [name for name in _SLIPS if features.allow(f"careless_{name}")]
    return _SLIPS[draw(st.sampled_from(names))](Changing(draw, features, schema))


def _tenant_column(it: Changing) -> Schema:
    assume(it.table.kind == "TenantScoped" and not it.table.parent)
    return it.with_table(tenant=it.choose(_TENANT_COLUMNS))


def _unique_across_tenants(it: Changing) -> Schema:
    column = it.choose(one for one in it.plain_columns() if one.type in {"string", "uuid", "integer"})
    return it.with_table(uniques=(*it.table.uniques, Unique((column.attribute,))))


def _unique_index_across_tenants(it: Changing) -> Schema:
    column = it.choose(one for one in it.plain_columns() if one.type in TYPES and TYPES[one.type].index == "btree")
    index = Index((repr(column.name),), (column.attribute,), "unique=True", "ix_careless")
    return it.with_table(indexes=(*it.table.indexes, index))


def _reference_without_tenant(it: Changing) -> Schema:
    reference = it.choose(one for one in it.table.references if one.columns and not it.table.parent)
    return _with_reference(it, reference, replace(reference, has_tenant=False))


def _set_null(it: Changing) -> Schema:
    reference = it.choose(one for one in it.table.references if not it.table.parent)
    return _with_reference(it, reference, replace(reference, options='ondelete="SET NULL"'))


def _no_kind(it: Changing) -> Schema:
    assume(not it.table.parent and not it.table.tenant_key)
    return it.with_table(kind="")


def _partitions(it: Changing) -> Schema:
    assume(it.table.kind == "TenantScoped" and not it.table.parent and not it.is_referred(it.table))
    return it.with_table(settings=(f"__partitions__ = {it.choose([0, 2, 300])}",))


def _lookup(it: Changing) -> Schema:
    assume(it.table.kind == "TenantScoped" and not it.table.parent)
    column = it.choose(it.table.columns)
    return it.with_table(settings=(f"__lookups__ = (TenantLookup({column.name!r}),)",))


def _shared_refers_to_tenants(it: Changing) -> Schema:
    targets = [one for one in it.schema.tables if one.kind == "TenantScoped" and len(one.identity) == 1]
    column = it.choose(one for one in it.plain_columns() if it.table.kind in {"Shared", "Global"})
    target = it.choose(one for one in targets if one.column(one.identity[0]).type == column.type)
    reference = Reference((column.attribute,), target.cls, has_tenant=False)
    return it.with_table(references=(*it.table.references, reference))


def _with_reference(it: Changing, old: Reference, new: Reference) -> Schema:
    return it.with_table(references=tuple(new if one == old else one for one in it.table.references))


_SLIPS: Mapping[str, Callable[[Changing], Schema]] = {
    "tenant_column": _tenant_column,
    "unique": _unique_across_tenants,
    "unique_index": _unique_index_across_tenants,
    "reference": _reference_without_tenant,
    "set_null": _set_null,
    "no_kind": _no_kind,
    "partitions": _partitions,
    "lookup": _lookup,
    "shared": _shared_refers_to_tenants,
}
