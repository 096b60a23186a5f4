"""The explicit tenant predicate `tenant = <const>`, which is added to every statement on tenant tables.

The policy isolates tenants; this predicate helps the planner. It is a constant, so the planner uses the statistics of
the tenant (with the policy alone, a tenant with 90 % of the rows and an empty tenant have the same estimate), prunes
partitions, and can route the statement on a sharded server. If predicate and policy disagree, no row matches.

ORM selects get the predicate as loader criteria, which apply also to joins, aliases and eager loads. Other statements
are rewritten at the engine, which gets flush, bulk and Core statements too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    CompoundSelect,
    Delete,
    FromClause,
    Join,
    Select,
    Table,
    Update,
)
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import Alias

from tenantry.tenancy.declarations import INFO_KEY, Declaration, Isolated
from tenantry.tenancy.scope import Scope

__all__ = ["PREDICATED", "add_loader_criteria", "with_predicates"]

# Marks an ORM select whose predicates are loader criteria already.
PREDICATED = "tenantry_predicated"


class _Integer(int):
    """An integer tenant that is always bound as a bigint.

    A lambda's parameter gets its type from its first value. So after tenant 1, a number with more than 32 bits could
    not be bound.
    """

    __sa_type_engine__ = BigInteger()


def add_loader_criteria(state: ORMExecuteState, scope: Scope) -> None:
    """Add the tenant's predicate to an ORM select, for every tenant entity that it loads or joins."""
    if not (state.is_orm_statement and state.is_select):
        return
    statement: Any = state.statement
    tenant = _Integer(scope.tenant) if isinstance(scope.tenant, int) else scope.tenant
    mapper = state.bind_mapper
    if state.is_column_load and mapper is not None:
        # Loader criteria do not apply to a refresh by primary key.
        if issubclass(mapper.class_, Isolated):
            state.statement = statement.where(mapper.class_.__tenant__ == tenant)
    else:
        state.statement = statement.options(
            with_loader_criteria(
                Isolated,
                lambda model: model.__tenant__ == tenant,
                include_aliases=True,
                propagate_to_loaders=False,
            )
        )
    state.update_execution_options(**{PREDICATED: True})


def with_predicates(statement: ClauseElement, scope: Scope) -> ClauseElement:
    """Return a Core or flush statement with the tenant's predicate on every tenant table that it reads or changes."""
    if isinstance(statement, Update | Delete):
        predicate = _predicate(statement.table, scope)
        return statement if predicate is None else statement.where(predicate)
    if not isinstance(statement, Select | CompoundSelect):
        return statement
    if not any(_is_isolated(element) for element in visitors.iterate(statement)):
        return statement
    visit: dict[str, Any] = {
        "select": lambda select: _visit_select(select, scope),
        "join": lambda join: _visit_join(join, scope),
    }
    return visitors.cloned_traverse(statement, {}, visit)


def _visit_select(select: Select[Any], scope: Scope) -> None:
    predicates = [_predicate(_leftmost(source), scope) for source in select.get_final_froms()]
    # `Select.join()` adds to `_setup_joins`, which becomes a Join only at compilation.
    joins: list[Any] = []
    for target, onclause, left, flags in select._setup_joins:  # noqa: SLF001
        predicate = None if flags["full"] else _predicate(target, scope)
        if predicate is not None and not flags["isouter"]:
            predicates.append(predicate)
        elif predicate is not None and isinstance(onclause, ColumnElement):
            onclause = onclause & predicate  # noqa: PLW2901
        joins.append((target, onclause, left, flags))
    if any(flags["full"] for *_, flags in joins):
        return
    select._setup_joins = tuple(joins)  # noqa: SLF001
    for predicate in predicates:
        if predicate is not None:
            Select.where.non_generative(select, predicate)  # type: ignore[attr-defined]


def _visit_join(join: Join, scope: Scope) -> None:
    # In the ON clause, so that an outer join keeps its unmatched rows. A full join cannot have it on either side.
    predicate = None if join.full or join.onclause is None else _predicate(join.right, scope)
    if predicate is not None and join.onclause is not None:
        join.onclause = join.onclause & predicate


def _leftmost(source: FromClause) -> FromClause | None:
    while isinstance(source, Join):
        if source.full:
            return None
        source = source.left
    return source


def _is_isolated(element: object) -> bool:
    declared = element.info.get(INFO_KEY) if isinstance(element, Table) else None
    return isinstance(declared, Declaration) and declared.kind.is_isolated


def _predicate(source: Any, scope: Scope) -> ColumnElement[bool] | None:
    table = source.element if isinstance(source, Alias) else source
    if not isinstance(table, Table) or not _is_isolated(table):
        return None
    column: ColumnElement[Any] = source.c[table.info[INFO_KEY].tenant_column]
    return column == scope.tenant
