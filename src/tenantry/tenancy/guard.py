"""Engine listeners that add the tenant's predicate, and refuse statements on tenant tables without a tenant.

Two listeners on the application's engine get every statement: of flush, `get`, lazy load, stream, bulk, Core and
textual SQL. Without a tenant, a statement that names a tenant table is refused before anything is sent, even BEGIN.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, Connection, MetaData, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from tenantry import errors
from tenantry.tenancy.kinds import tenancy_of
from tenantry.tenancy.lookups import LOOKUP
from tenantry.tenancy.named_tables import TableFinder
from tenantry.tenancy.predicate import PREDICATED, with_predicates
from tenantry.tenancy.scope import EXECUTION_OPTION, Scope, executing

__all__ = ["guard_engine"]


def guard_engine(engine: Engine, metadata: MetaData) -> None:
    """Add the listeners to `engine`, so that it sends only statements that their scope allows."""
    unscoped = Scope(tenancy_of(metadata))
    tables = TableFinder(metadata)

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
        # A lookup needs no tenant; a schema in its name may have the name of a tenant table.
        is_lookup = context is not None and context.execution_options.get(LOOKUP)
        if scope.tenant is not None or scope.is_admin or is_lookup:
            return
        table = tables.find(statement, getattr(context, "compiled", None))
        if table is not None:
            raise errors.TenantRequired(
                f"A statement on tenant table {table!r} was refused, because no tenant is bound.",
                why="Tenant tables need a tenant. Nothing was sent to the database.",
                remedy="Use `async with database.tenant(...)`; for work across tenants, `database.admin(reason=...)`.",
            )

    event.listen(engine, "before_execute", before_execute, retval=True)
    event.listen(engine, "before_cursor_execute", before_cursor_execute)
