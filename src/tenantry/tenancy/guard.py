"""Engine listeners that add the tenant's predicate, and refuse statements on tenant tables without a tenant.

Two listeners on the application's engine get every statement: of flush, `get`, lazy load, stream, bulk, Core and
textual SQL. Without a tenant, a statement that names a tenant table is refused before anything is sent, even BEGIN.
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
from tenantry.tenancy.lookups import LOOKUP
from tenantry.tenancy.predicate import PREDICATED, with_predicates
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope, executing

__all__ = ["guard_engine"]


def guard_engine(engine: Engine, metadata: MetaData) -> None:
    """Add the listeners to `engine`, so that it sends only statements that their scope allows."""
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
        connection: Connection, _cursor: DBAPICursor, statement: str, _parameters: Any, context: Any, _many: object
    ) -> None:
        scope: Scope = connection.get_execution_options().get(EXECUTION_OPTION, unscoped)
        if context is not None and context.execution_options.get(LOOKUP):
            # A schema may have the name of a tenant table.
            return
        table = names_tenant_table(statement) if scope.tenant is None and not scope.is_admin else None
        if table is not None:
            raise errors.TenantRequired(
                f"A statement on tenant table {table!r} was refused, because no tenant is bound.",
                why="Tenant tables need a tenant. Nothing was sent to the database.",
                remedy="Use `async with database.tenant(...)`; for work across tenants, `database.admin(reason=...)`.",
            )

    event.listen(engine, "before_execute", before_execute, retval=True)
    event.listen(engine, "before_cursor_execute", before_cursor_execute)


def _table_finder(metadata: MetaData) -> Any:
    """Return a function that returns the tenant table that a statement's text names, or None.

    It searches the compiled text, which the server gets, so it finds joins of an eager load and textual SQL too. It may
    refuse too much (a tenant table's name inside a string constant). It does not find tables behind a view or a
    function; there, the policy applies.
    """
    names = [table.name for table in metadata.tables.values() if declaration_of(table).kind.is_isolated]
    if not names:
        return lambda _statement: None
    # A quoted name doubles its inner quotes. A name with Unicode escapes (U&"...") could be any table.
    spelled = "|".join(re.escape(name.replace('"', '""')) for name in names)
    pattern = re.compile(rf"(?<!\w)({spelled})(?!\w)|(?<!\w)(U&\")", re.IGNORECASE)

    @functools.lru_cache(maxsize=1024)
    def find(statement: str) -> str | None:
        match = pattern.search(statement)
        return match.group(0) if match else None

    return find
