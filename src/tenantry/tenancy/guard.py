"""What stands between a statement and the driver: the tenant's predicate, and the refusal to go without a tenant.

Two listeners on the application's engine see every statement of every path: flush, `get`, lazy load, stream, bulk,
Core and textual SQL. Without a tenant, a statement that names a tenant table is refused before anything is sent,
BEGIN included.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from sqlalchemy import ClauseElement, Connection, MetaData, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from tenantry import errors
from tenantry.tenancy.declarations import declaration_of, tenancy_of
from tenantry.tenancy.predicate import PREDICATED, with_predicates
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope, executing

__all__ = ["guard_engine"]


def guard_engine(engine: Engine, metadata: MetaData) -> None:
    """Let no statement pass `engine` without a scope that allows it."""
    unscoped = Scope(tenancy_of(metadata))
    names_tenant_table = _table_finder(metadata)

    def before_execute(
        connection: Connection, statement: Any, multiparams: Any, params: Any, options: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        scope: Scope = connection.get_execution_options().get(EXECUTION_OPTION, unscoped)
        executing.set(scope)
        if scope.tenant is not None and isinstance(statement, ClauseElement) and not options.get(PREDICATED):
            statement = with_predicates(statement, scope)
        return statement, multiparams, params

    def before_cursor_execute(
        connection: Connection, _cursor: DBAPICursor, statement: str, _parameters: Any, _context: Any, _many: object
    ) -> None:
        scope: Scope = connection.get_execution_options().get(EXECUTION_OPTION, unscoped)
        table = names_tenant_table(statement) if scope.tenant is None and not scope.is_admin else None
        if table is not None:
            raise errors.TenantRequired(
                f"A statement on tenant table {table!r} was refused: no tenant is bound.",
                why="Nothing was sent.",
                remedy="Use `async with database.tenant(...)`; for work across tenants `database.admin(reason=...)`.",
            )

    event.listen(engine, "before_execute", before_execute, retval=True)
    event.listen(engine, "before_cursor_execute", before_cursor_execute)


def _table_finder(metadata: MetaData) -> Any:
    """Return a function that tells which tenant table a statement's text names, if any.

    The compiled text is what the server will see, whatever built it: joins added by an eager load and textual SQL
    alike. It may refuse too much (a tenant table's name inside a string constant), never too little, but for names
    that only a view or a function knows; those meet the policy.
    """
    names = [table.name for table in metadata.tables.values() if declaration_of(table).kind.is_isolated]
    if not names:
        return lambda _statement: None
    # A quoted name doubles the quotes within; one with Unicode escapes (U&"...") could be any.
    spelled = "|".join(re.escape(name.replace('"', '""')) for name in names)
    pattern = re.compile(rf"(?<!\w)({spelled})(?!\w)|(?<!\w)(U&\")", re.IGNORECASE)

    @functools.lru_cache(maxsize=1024)
    def find(statement: str) -> str | None:
        match = pattern.search(statement)
        return match.group(0) if match else None

    return find
