"""Relationships over references that contain the tenant, such as (tenant_id, team_id).

By SQLAlchemy's default, a relationship writes all columns of its reference. So `employee.team = None` would blank the
tenant of the employee, and two relationships of one row would both write its tenant (a warning). A row's tenant never
changes. So the join condition compares the tenant, but only the other columns are foreign: they alone are written.

A relationship with its own `primaryjoin` or a `secondary` table is left as it is. A row of a secondary table is only
inserted and deleted, with the tenant of its parent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKeyConstraint, Table, and_
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.orm import Mapper, RelationshipProperty, foreign, remote
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.util import join_condition
from sqlalchemy.sql.visitors import iterate

from tenantry.tenancy.completion import complete_references, tenant_pair
from tenantry.tenancy.kinds import is_isolated

__all__ = ["complete_relationships"]


def complete_relationships(mapper: Mapper[Any], _model: type[Any]) -> None:
    """Set the join condition of the mapper's relationships over references with a tenant, before it is configured."""
    if not any(is_isolated(table) for table in mapper.tables):
        return
    # Not `mapper.relationships`, which would configure the mapper.
    for one in list(mapper._props.values()):  # noqa: SLF001
        if isinstance(one, RelationshipProperty) and one.parent is mapper and not one._configure_started:  # noqa: SLF001
            _complete(one)


def _complete(one: RelationshipProperty[Any]) -> None:
    # SQLAlchemy has public names for these arguments only after it has configured the relationship, which is too late.
    arguments = one._init_args  # noqa: SLF001
    try:
        one._process_dependent_arguments()  # noqa: SLF001
        one._setup_entity()  # noqa: SLF001
        # All models are known now, so references to later ones can be completed.
        for table in (*one.parent.tables, *one.entity.mapper.tables, arguments.secondary.resolved):
            if isinstance(table, Table):
                complete_references(table)
        if arguments.primaryjoin.argument is not None or arguments.secondary.argument is not None:
            return
        given: Any = one._user_defined_foreign_keys  # noqa: SLF001
        found = join_condition(
            one.parent.persist_selectable,
            one.entity.persist_selectable,
            a_subset=one.parent.local_table,
            consider_as_foreign_keys=given or None,
        )
    except (ArgumentError, InvalidRequestError):
        # SQLAlchemy raises the same error when it configures the relationship, and names it.
        return
    joined = _with_tenant(list(_pairs(found)))
    if joined is None:
        return
    pairs, tenants = joined
    sides = one.parent.persist_selectable.c, one.entity.persist_selectable.c
    if all(side.contains_column(column) for side in sides for pair in pairs for column in pair):
        # Both ends are one table, so SQLAlchemy cannot see which end of a pair is remote.
        is_many_to_one = any(referred in one.remote_side for _, referred in pairs)
        mark = _many_to_one if is_many_to_one else _one_to_many
        arguments.primaryjoin.argument = and_(*(mark(*pair) for pair in pairs), *(_remote(*pair) for pair in tenants))
        arguments.remote_side.argument = None
    else:
        arguments.primaryjoin.argument = and_(
            *(column == referred for column, referred in tenants),
            *(foreign(column) == referred for column, referred in pairs),
        )
    arguments.foreign_keys.argument = None


_Pair = tuple[Column[Any], Column[Any]]


def _pairs(condition: ColumnElement[bool]) -> Iterator[tuple[Column[Any], Column[Any], ForeignKeyConstraint]]:
    """Yield each referring column of a join condition, the column it refers to, and the constraint."""
    for element in iterate(condition):
        if not isinstance(element, BinaryExpression):
            continue
        for column, referred in ((element.left, element.right), (element.right, element.left)):
            if not isinstance(column, Column) or not isinstance(referred, Column):
                continue
            key = next((key for key in column.foreign_keys if key.column.shares_lineage(referred)), None)
            if key is not None and key.constraint is not None:
                yield column, referred, key.constraint
                break


def _with_tenant(
    found: list[tuple[Column[Any], Column[Any], ForeignKeyConstraint]],
) -> tuple[list[_Pair], list[_Pair]] | None:
    """Return the pairs of a reference without the tenant, and the tenant's pair; None for another reference."""
    if not found:
        return None
    tenant = tenant_pair(found[0][2])
    if tenant is None:
        return None
    pairs = [(column, referred) for column, referred, _ in found if not column.shares_lineage(tenant[0])]
    if not pairs:
        return None
    column, referred = pairs[0]
    return pairs, [(column.table.c[tenant[0].key], referred.table.c[tenant[1].key])]


def _many_to_one(column: Column[Any], referred: Column[Any]) -> ColumnElement[bool]:
    return foreign(column) == remote(referred)


def _one_to_many(column: Column[Any], referred: Column[Any]) -> ColumnElement[bool]:
    return remote(foreign(column)) == referred


def _remote(column: Column[Any], referred: Column[Any]) -> ColumnElement[bool]:
    return column == remote(referred)
